// nact for JavaScript does what persisting.py does: node postgres.js CASE N URL SCHEMA prints {"figure": ...}.
'use strict';

const { start, spawnPersistent, dispatch, configurePersistence, stop } = require('nact');
const { PostgresPersistenceEngine } = require('nact-persistence-postgres');
const { MESSAGE, Countdown, measured, report } = require('./measuring');

const ACTORS = 1000;
const KEY = 'contacts-of-ada';
const HELLO = 'hello';
const MB = 1024 * 1024;

const [name, , url, schema] = process.argv.slice(2);
const engine = new PostgresPersistenceEngine(url.replace(/^postgresql:/, 'postgres:'), { schema, createIfNotExists: false });

const handler = (countdown) => async (state = 0, msg, ctx) => {
  if (ctx.recovering) return state + 1;
  if (msg !== HELLO) await ctx.persist(msg);
  countdown.tick();
  return state + 1;
};

// Spawns actors for the keys, and returns when they have recovered.
async function recovered (system, countdown, keys) {
  const ready = countdown.begin(keys.length);
  const actors = keys.map(key => spawnPersistent(system, handler(countdown), key, key));
  for (const actor of actors) dispatch(actor, HELLO);
  await ready;
  return actors;
}

async function persist (system, keys, each) {
  const countdown = new Countdown();
  const actors = await recovered(system, countdown, keys);
  return measured(each * keys.length, async () => {
    const done = countdown.begin(each * keys.length);
    for (let i = 0; i < each; i++) for (const actor of actors) dispatch(actor, MESSAGE);
    await done;
  });
}

const many = (prefix) => Array.from({ length: ACTORS }, (_, number) => `${prefix}-${number}`);

const cases = {
  'persist-by-one': (system, n) => persist(system, [`${KEY}-of-${n}`], n),

  'persist-by-many': (system, n) => persist(system, many(`${KEY}-of-${n}`), Math.max(1, Math.floor(n / ACTORS))),

  'recover': (system, n) => measured(n, () => recovered(system, new Countdown(), [KEY])),

  'memory-of-recovery': async (system) => {
    await recovered(system, new Countdown(), ['nobody']); // a connection is open
    const before = process.memoryUsage().rss;
    await recovered(system, new Countdown(), [KEY]);
    return (process.resourceUsage().maxRSS * 1024 - before) / MB;
  }
};

report(async (name, n) => {
  const system = start(configurePersistence(engine));
  const figure = await cases[name](system, n);
  stop(system);
  return figure;
}, { warmUp: name !== 'memory-of-recovery' });
