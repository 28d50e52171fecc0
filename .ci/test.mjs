// npm test: everything that says whether the project is sound, cheapest first.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { browser, build, install, redisServer, root, run, turnServer, unpackers } from './prepare.mjs';

install();
await browser();
turnServer();
redisServer();
unpackers();

const bin = (name, file) => join('node_modules', name, file);
const results = join(root, 'test-results');
const REASON_LINES = 12;
rmSync(results, { recursive: true, force: true });
mkdirSync(results, { recursive: true });

run(process.execPath, [bin('typescript', 'bin/tsc'), '-b']);
run(process.execPath, [
  bin('svelte-check', 'bin/svelte-check'),
  '--tsconfig',
  'tsconfig.page.json',
  '--fail-on-warnings',
  '--output',
  'human',
]);
run(process.execPath, [bin('eslint', 'bin/eslint.js'), '.']);
run(process.execPath, [bin('prettier', 'bin/prettier.cjs'), '--check', '--log-level', 'warn', '.']);

/**
 * Runs a test runner, its output shown as it comes or, `quietly`, when it is over; how many of its tests passed, and the
 * names and reasons of those that failed, by its JSON report.
 */
async function suite(args, report, env, read, quietly = false) {
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', quietly ? 'pipe' : 'inherit', 'inherit'],
    env: { ...process.env, ...env },
  });
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
  const [status] = await once(child, 'close');
  if (quietly) console.log(output);
  try {
    const { passed, failures } = read(JSON.parse(readFileSync(join(results, report), 'utf8')));
    if (status !== 0 && failures.length === 0) failures.push(`${args[0]} ended with ${status}`);
    return { passed, failures };
  } catch (error) {
    return { passed: 0, failures: [`${args[0]} ended with ${status} and left no report: ${String(error)}`] };
  }
}

function unitResults({ testResults }) {
  const tests = testResults.flatMap(({ assertionResults }) => assertionResults);
  // A file that does not even load has no tests to fail.
  const unread = testResults.filter(({ status, assertionResults }) => status === 'failed' && !assertionResults.length);
  return {
    passed: tests.filter(({ status }) => status === 'passed').length,
    failures: [
      ...unread.map(({ name, message }) => `${name}\n${message}`),
      ...tests
        .filter(({ status }) => status === 'failed')
        .map(({ fullName, failureMessages }) => `${fullName}\n${failureMessages.join('\n')}`),
    ],
  };
}

function endToEndResults({ stats, suites, errors }) {
  const within = ({ specs, suites: inner = [] }) => [...specs, ...inner.flatMap(within)];
  const wrong = suites.flatMap(within).filter(({ ok }) => !ok);
  return {
    passed: stats.expected,
    failures: [
      ...errors.map(({ message }) => message),
      ...wrong.map(({ file, title, tests }) => {
        const said = tests.flatMap(({ results: runs }) =>
          runs.flatMap((one) => one.errors.map(({ message }) => message)),
        );
        return `${file}: ${title}\n${said.join('\n')}`;
      }),
    ],
  };
}

function endToEnd(name, args, quietly) {
  return suite(
    [
      ...[bin('@playwright/test', 'cli.js'), 'test', '--reporter=list,json', '--output', `test-results/${name}`],
      ...args,
    ],
    `${name}.json`,
    { PLAYWRIGHT_JSON_OUTPUT_FILE: join(results, `${name}.json`) },
    endToEndResults,
    quietly,
  );
}

build();
// What mostly waits goes on beside everything else: it would keep one of two workers for minutes.
const patient = endToEnd('patient', ['--grep', '@patient', '--workers', '1'], true);
const unit = await suite(
  [
    bin('vitest', 'vitest.mjs'),
    'run',
    '--reporter=default',
    '--reporter=json',
    '--outputFile.json=test-results/unit.json',
  ],
  'unit.json',
  {},
  unitResults,
);
const others = await endToEnd('e2e', ['--grep-invert', '@patient'], false);
const suites = [unit, others, await patient];

const passed = suites.reduce((sum, one) => sum + one.passed, 0);
const failures = suites.flatMap((one) => one.failures);
// Last, where whoever only sees the end of it looks.
for (const failure of failures) console.log(`FAILED ${failure.split('\n').slice(0, REASON_LINES).join('\n       ')}\n`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
