// What `npm start` and `npm test` need on a fresh clone, made only when it is missing or out of date: the packages, the
// build, a browser, a TURN server, Redis, unpackers.

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));
const stamps = join(root, 'node_modules', '.cache', 'doorstep');
const windows = process.platform === 'win32';

/** Runs a command in the project, its output shown; leaves with its code when it fails. */
export function run(command, args, options = {}) {
  const { status, error } = spawnSync(command, args, { cwd: root, stdio: 'inherit', shell: windows, ...options });
  if (error) console.error(error.message);
  if (status !== 0) process.exit(status ?? 1);
}

function filesOf(path) {
  const full = join(root, path);
  if (!statSync(full).isDirectory()) return [path];
  return readdirSync(full)
    .sort()
    .flatMap((name) => filesOf(join(path, name)));
}

function fingerprint(paths) {
  const hash = createHash('sha256');
  for (const file of paths.flatMap(filesOf)) hash.update(file).update(readFileSync(join(root, file)));
  return hash.digest('hex');
}

/** Does `make` unless it was done for exactly these files before. */
function once(name, paths, made, make) {
  const stamp = join(stamps, name);
  const now = fingerprint(paths);
  if (made.every((path) => existsSync(join(root, path))) && existsSync(stamp) && readFileSync(stamp, 'utf8') === now)
    return;
  make();
  mkdirSync(stamps, { recursive: true });
  writeFileSync(stamp, now);
}

/** The packages of the lock file. */
export function install() {
  once('install', ['package.json', 'package-lock.json'], ['node_modules/vite'], () => {
    run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error']);
  });
}

/** dist/ (the app) and build/ (the server). */
export function build() {
  const sources = [
    'index.html',
    'package-lock.json',
    'public',
    'signaling',
    'src',
    'svelte.config.js',
    'vite.config.ts',
  ];
  once('build', sources, ['dist/index.html', 'build/main.js'], () => {
    const vite = join('node_modules', 'vite', 'bin', 'vite.js');
    run(process.execPath, [vite, 'build', '--logLevel', 'warn']);
    run(process.execPath, [vite, 'build', '--ssr', 'signaling/main.ts', '--logLevel', 'warn']);
  });
}

const installedChromium = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
];

function aptInstall(name) {
  spawnSync('apt-get', ['update', '-qq'], { stdio: 'inherit' });
  spawnSync('apt-get', ['install', '-y', '-qq', name], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** A program the tests use, under any of these names: an installed one, else of the system's package manager when root. */
function program(names, packageName) {
  const isHere = () => names.some((name) => spawnSync(name, ['--help'], { stdio: 'ignore' }).error === undefined);
  if (!isHere() && process.getuid?.() === 0) aptInstall(packageName);
  if (isHere()) return;
  console.error(`No ${names.join(' or ')} was found and none could be installed: install ${packageName}.`);
  process.exit(1);
}

/** coturn, the TURN server the network tests go through. */
export function turnServer() {
  program(['turnserver'], 'coturn');
}

/** Redis, which several signaling servers share. */
export function redisServer() {
  program(['redis-server'], 'redis-server');
}

/** What ZIPs are read with by others. */
export function unpackers() {
  program(['unzip'], 'unzip');
  program(['7zz', '7z'], '7zip');
}

/** A Chromium for the tests: an installed one, else Playwright's download, else the system's package manager when root. Sets DOORSTEP_CHROMIUM. */
export async function browser() {
  const find = async () => {
    const { chromium } = await import('playwright');
    return [process.env.DOORSTEP_CHROMIUM, ...installedChromium, chromium.executablePath()].find(
      (path) => path && existsSync(path),
    );
  };
  let found = await find();
  if (!found) {
    const playwright = join('node_modules', 'playwright', 'cli.js');
    spawnSync(process.execPath, [playwright, 'install', 'chromium'], { cwd: root, stdio: 'inherit', timeout: 300_000 });
    found = await find();
  }
  if (!found && process.getuid?.() === 0) {
    aptInstall('chromium');
    found = await find();
  }
  if (!found) {
    console.error('No Chromium was found and none could be installed: set DOORSTEP_CHROMIUM to one.');
    process.exit(1);
  }
  process.env.DOORSTEP_CHROMIUM = found;
}
