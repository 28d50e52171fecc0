// npm test: everything that says whether the project is sound, cheapest first.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { browser, build, install, root, run, turnServer } from './prepare.mjs';

install();
await browser();
turnServer();

const bin = (name, file) => join('node_modules', name, file);
const results = join(root, 'test-results');
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

/** Runs a test runner and returns how many tests passed and failed, by its own JSON report. */
function suite(args, report, env, count) {
  const { status } = spawnSync(process.execPath, args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  const { passed, failed } = count(JSON.parse(readFileSync(join(results, report), 'utf8')));
  return { passed, failed: Math.max(failed, status === 0 ? 0 : 1) };
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
  ({ numPassedTests, numFailedTests }) => ({ passed: numPassedTests, failed: numFailedTests }),
);
build();
const endToEnd = suite(
  [bin('@playwright/test', 'cli.js'), 'test', '--reporter=list,json'],
  'e2e.json',
  { PLAYWRIGHT_JSON_OUTPUT_FILE: join(results, 'e2e.json') },
  ({ stats }) => ({ passed: stats.expected, failed: stats.unexpected + stats.flaky }),
);

const passed = unit.passed + endToEnd.passed;
const failed = unit.failed + endToEnd.failed;
console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 && passed > 0 ? 0 : 1);
