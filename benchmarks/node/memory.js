// nact for JavaScript does what suites/memory/with_nact.py does: node memory.js CASE N prints {"figure": bytes}.
'use strict';

const { start, spawn, spawnPersistent, dispatch, configurePersistence } = require('nact');
const { MESSAGE, report } = require('./measuring');

const emptyJournal = {
  events: () => ({ reduce: async (_, initial) => initial }),
  latestSnapshot: async () => undefined,
  takeSnapshot: async () => undefined,
  persist: async () => undefined
};

const returnState = (state) => state;

const cases = {
  'actor': () => {
    const system = start();
    return (number) => spawn(system, returnState, `actor-${number}`);
  },

  'persistent-actor': () => {
    const system = start(configurePersistence(emptyJournal));
    return (number) => spawnPersistent(system, returnState, `key-${number}`, `actor-${number}`);
  }
};

function held () {
  global.gc();
  return process.memoryUsage().heapUsed;
}

const pause = (milliseconds) => new Promise(resolve => setTimeout(resolve, milliseconds));

async function weight (spawnOne, n) {
  dispatch(spawnOne(n), MESSAGE);
  await pause(50);
  const before = held();
  const actors = [];
  for (let i = 0; i < n; i++) actors.push(spawnOne(i));
  for (const actor of actors) dispatch(actor, MESSAGE);
  await pause(500);
  return (held() - before) / actors.length - 8; // of the array
}

report((name, n) => weight(cases[name](), n), { warmUp: false });
