// nact for JavaScript does what suites/actors/with_nact.py does: node actors.js CASE N prints {"figure": messages/s}.
'use strict';

const { start, spawn, dispatch, query, stop } = require('nact');
const { MESSAGE, Countdown, measured, report } = require('./measuring');

const ACTORS = 1000;
const AT_ONCE = 1000;
const TIMEOUT = 5000;

const count = (countdown) => {
  countdown.tick();
  return countdown;
};

const pass = (countdown, msg, ctx) => {
  countdown.tick();
  if (countdown.left > 0) dispatch(ctx.sender, msg, ctx.self);
  return countdown;
};

const answer = (state, msg, ctx) => {
  dispatch(ctx.sender, msg);
  return state;
};

const suspend = async (countdown) => {
  await new Promise(setImmediate);
  countdown.tick();
  return countdown;
};

const cases = {
  'one-way': async (system, n) => {
    const countdown = new Countdown();
    const actor = spawn(system, count, 'actor', { initialState: countdown });
    return measured(n, async () => {
      const done = countdown.begin(n);
      for (let i = 0; i < n; i++) dispatch(actor, MESSAGE);
      await done;
    });
  },

  'ping-pong': async (system, n) => {
    const countdown = new Countdown();
    const left = spawn(system, pass, 'left', { initialState: countdown });
    const right = spawn(system, pass, 'right', { initialState: countdown });
    return measured(n, async () => {
      const done = countdown.begin(n);
      dispatch(left, MESSAGE, right);
      await done;
    });
  },

  'fan-out': async (system, n) => {
    const rounds = Math.max(1, Math.floor(n / ACTORS));
    const countdown = new Countdown();
    const actors = [];
    for (let i = 0; i < ACTORS; i++) actors.push(spawn(system, count, `actor-${i}`, { initialState: countdown }));
    return measured(rounds * ACTORS, async () => {
      for (let round = 0; round < rounds; round++) {
        const done = countdown.begin(ACTORS);
        for (const actor of actors) dispatch(actor, MESSAGE);
        await done;
      }
    });
  },

  'query-one': async (system, n) => {
    const actor = spawn(system, answer, 'actor');
    return measured(n, async () => {
      for (let i = 0; i < n; i++) await query(actor, MESSAGE, TIMEOUT);
    });
  },

  'query-at-once': async (system, n) => {
    const rounds = Math.max(1, Math.floor(n / AT_ONCE));
    const actor = spawn(system, answer, 'actor');
    return measured(rounds * AT_ONCE, async () => {
      for (let round = 0; round < rounds; round++) {
        const replies = [];
        for (let i = 0; i < AT_ONCE; i++) replies.push(query(actor, MESSAGE, TIMEOUT));
        await Promise.all(replies);
      }
    });
  },

  'suspending': async (system, n) => {
    const each = Math.max(1, Math.floor(n / ACTORS));
    const countdown = new Countdown();
    const actors = [];
    for (let i = 0; i < ACTORS; i++) actors.push(spawn(system, suspend, `actor-${i}`, { initialState: countdown }));
    return measured(each * ACTORS, async () => {
      const done = countdown.begin(each * ACTORS);
      for (let i = 0; i < each; i++) for (const actor of actors) dispatch(actor, MESSAGE);
      await done;
    });
  }
};

report(async (name, n) => {
  const system = start();
  const figure = await cases[name](system, n);
  stop(system);
  return figure;
});
