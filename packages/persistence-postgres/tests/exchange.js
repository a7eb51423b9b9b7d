// node exchange.js URL KEY SNAPSHOT_EVERY NUMBER...: recovers an actor, lets it persist, and prints its state.
const { start, configurePersistence, spawnPersistent, dispatch, query, stop } = require('nact');
const { PostgresPersistenceEngine } = require('nact-persistence-postgres');

const [url, key, every, ...numbers] = process.argv.slice(2);

const adding = async (state = [], msg, ctx) => {
  if (msg.add === undefined) {
    dispatch(msg.sender || ctx.sender, state, ctx.self);
    return state;
  }
  if (!ctx.recovering) {
    await ctx.persist(msg, ['numbers', 'added']);
  }
  return [...state, msg.add];
};

const main = async () => {
  const system = start(configurePersistence(new PostgresPersistenceEngine(url)));
  const options = Number(every) > 0 ? { snapshotEvery: Number(every) } : {};
  const actor = spawnPersistent(system, adding, key, 'adding', options);
  for (const number of numbers) {
    dispatch(actor, { add: Number(number) });
  }
  const state = await query(actor, sender => ({ sender }), 20000);
  await new Promise(resolve => setTimeout(resolve, 200)); // nact doesn't wait for its snapshots
  console.log(JSON.stringify(state));
  stop(system);
  process.exit(0);
};

main().catch(error => {
  console.error(error);
  process.exit(1);
});
