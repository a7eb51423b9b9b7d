// What the scripts share: the message, the clock, and how results are told. See ../payload.py and ../process.py.
'use strict';

const MESSAGE = {
  type: 'contact-created',
  id: '6f1c7a52-1b7e-4f7b-9d5a-3c2f0f1d8e21',
  contact: { name: 'Ada Lovelace', email: 'ada@example.com', phone: '+44 20 7946 0958', city: 'London' },
  note: 'met at the fair',
  stars: 5
};

const WARM_UP = 0.2;

class Countdown {
  begin (left) {
    this.left = left;
    return new Promise(resolve => { this.done = resolve; });
  }

  tick () {
    this.left -= 1;
    if (this.left === 0) this.done();
  }
}

async function measured (operations, work) {
  const begun = process.hrtime.bigint();
  await work();
  return operations / (Number(process.hrtime.bigint() - begun) / 1e9);
}

// Runs the case that the command line names, after a warm-up unless it is told not to, and prints its figure.
async function report (run, { warmUp = true } = {}) {
  const [name, n] = [process.argv[2], Number(process.argv[3])];
  if (warmUp) await run(name, Math.max(1, Math.floor(n * WARM_UP)));
  global.gc();
  const figure = await run(name, n);
  process.stdout.write(JSON.stringify({ figure }), () => process.exit(0));
}

module.exports = { MESSAGE, Countdown, measured, report };
