// npm test: everything that says whether the project is sound, cheapest first.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { browser, build, install, root, run, turnServer, unpackers } from './prepare.mjs';

install();
await browser();
turnServer();
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

/** Runs a test runner; how many of its tests passed, and the names and reasons of those that failed, by its JSON report. */
function suite(args, report, env, read) {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const { passed, failures } = read(JSON.parse(readFileSync(join(results, report), 'utf8')));
  if (status !== 0 && failures.length === 0) failures.push(`${args[0]} ended with ${status}`);
  return { passed, failures };
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

const unit = suite(
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
build();
const endToEnd = suite(
  [bin('@playwright/test', 'cli.js'), 'test', '--reporter=list,json'],
  'e2e.json',
  { PLAYWRIGHT_JSON_OUTPUT_FILE: join(results, 'e2e.json') },
  endToEndResults,
);

const passed = unit.passed + endToEnd.passed;
const failures = [...unit.failures, ...endToEnd.failures];
// Last, where whoever only sees the end of it looks.
for (const failure of failures) console.log(`FAILED ${failure.split('\n').slice(0, REASON_LINES).join('\n       ')}\n`);
console.log(`${passed} passed, ${failures.length} failed`);
process.exit(failures.length === 0 && passed > 0 ? 0 : 1);
