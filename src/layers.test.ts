// The import rule of README.md, held by reading every import: layers import only to the left, signaling/ only the signal
// schema, and each library appears in its one place.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path/posix';
import ts from 'typescript';
import { expect, test } from 'vitest';

/** From left to right; folders of one step do not import each other. */
const steps = [
  ['protocol'],
  ['identity', 'safety'],
  ['storage'],
  ['rendezvous'],
  ['link'],
  ['transfer'],
  ['room'],
  ['ui'],
] as const;

const libraries = new Map([
  ['simple-peer', /^src\/rendezvous\/simple-peer\.ts$/],
  ['peerjs', /^src\/rendezvous\/peerjs\.ts$/],
  ['idb-keyval', /^src\/storage\/records\.ts$/],
  ['tweetnacl', /^src\/identity\//],
  ['@noble/hashes', /^src\/transfer\/worker\.ts$/],
  ['crc-32', /^src\/storage\/zip-entries\.ts$/],
  ['qr', /^src\/ui\//],
  ['ws', /^signaling\//],
  ['rate-limiter-flexible', /^signaling\/(?:bus|redis-bus|limits)\.ts$/],
  ['prom-client', /^signaling\/metrics\.ts$/],
  ['@redis/client', /^signaling\/redis-bus\.ts$/],
  ['sirv', /^signaling\//],
  ['svelte', /^src\/(?:ui\/|main\.ts$)/],
  ['valibot', /^(?:src\/(?:protocol|identity|storage)\/|signaling\/redis-bus\.ts$)/],
]);

/** Every module a source names, in whatever form of import; of a component, its scripts and its markup. */
function importsOf(source: string, path: string): string[] {
  if (!path.endsWith('.svelte')) return ts.preProcessFile(source).importedFiles.map(({ fileName }) => fileName);
  const scripts = [...source.matchAll(/<script[^>]*>(.*?)<\/script>/gs)].map(([, script = '']) => script);
  const markup = source.replaceAll(/<script[^>]*>.*?<\/script>/gs, '');
  const inMarkup = [...markup.matchAll(/\bimport\s*\(\s*['"`]([^'"`]+)/g)].map(([, name = '']) => name);
  return [...scripts.flatMap((script) => importsOf(script, '')), ...inMarkup];
}

const folderOf = (path: string) => path.split('/', 2)[1];
const stepOf = (path: string) => steps.findIndex((step) => step.some((folder) => path.startsWith(`src/${folder}/`)));

function isAllowed(file: string, name: string): boolean {
  if (name.startsWith('node:')) return file.startsWith('signaling/');
  if (!name.startsWith('.')) {
    const library = name.split('/', name.startsWith('@') ? 2 : 1).join('/');
    return libraries.get(library)?.test(file) ?? false;
  }
  const target = join(dirname(file), name.replace(/\?.*$/, ''));
  if (file.startsWith('signaling/')) return target.startsWith('signaling/') || target === 'src/protocol/signal.ts';
  if (file === 'src/main.ts') return target.startsWith('src/ui/');
  if (stepOf(file) < 0 || stepOf(target) < 0) return false;
  return stepOf(target) < stepOf(file) || folderOf(target) === folderOf(file);
}

const sources = ['src', 'signaling'].flatMap((folder) =>
  readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((path) => join(folder, path))
    .filter((path) => /\.(?:ts|svelte)$/.test(path) && !/\.test\.ts$|^src\/testing\//.test(path)),
);

test('every import keeps to the layers and every library to its place', () => {
  expect(sources.length).toBeGreaterThan(50);
  const found = sources.flatMap((path) =>
    importsOf(readFileSync(path, 'utf8'), path).map((name) => [path, name] as const),
  );
  expect(found.length).toBeGreaterThan(150);
  expect(found.filter(([path, name]) => !isAllowed(path, name))).toEqual([]);
});

test('nothing asks for a folder it could read later (C9)', () => {
  // Only File objects that were chosen, dropped or pasted: a handle would go on reading what a person forgot they gave.
  const asks =
    /show(?:Directory|OpenFile)Picker|getAsFileSystemHandle|chooseFileSystemEntries|FileSystemObserver|requestPermission\s*\(/;
  expect(sources.filter((path) => asks.test(readFileSync(path, 'utf8')))).toEqual([]);
  expect(asks.test('await item.getAsFileSystemHandle()')).toBe(true);
});

test('the scanner sees imports of every form', () => {
  const source = `
    import a from 'a'; import 'b'; import type { C } from "c"; import {
      d,
    } from 'd'; export * from 'e'; export type { F } from 'f'; import url from './g.ts?worker&url';
    const h = await import('h'); type I = typeof import('i'); // import 'comment'
    const text = "import 'text'";`;
  expect(importsOf(source, 'x.ts')).toEqual(['a', 'b', 'c', 'd', 'e', 'f', './g.ts?worker&url', 'h', 'i']);
  const component = `<script module>import 'a';</script>\n<script lang="ts">\n  import B from './B.svelte';\n</script>
    <p>It's here</p>{#await import('c') then c}{c}{/await}`;
  expect(importsOf(component, 'X.svelte')).toEqual(['a', './B.svelte', 'c']);
});

test.each([
  ['src/protocol/frames.ts', '../identity/keys.ts', 'to the right'],
  ['src/identity/keys.ts', '../safety/secrets.ts', 'to a sibling'],
  ['src/link/link.ts', '../transfer/worker.ts?worker&url', 'to the right, by its URL'],
  ['src/ui/app.svelte.ts', '../main.ts', 'outside the layers'],
  ['src/room/room.ts', '../testing/fake-engine.ts', 'to test code'],
  ['src/main.ts', './room/room.ts', 'past the user interface'],
  ['signaling/server.ts', '../src/protocol/bytes.ts', 'to more than the signal schema'],
  ['src/room/room.ts', 'simple-peer/simplepeer.min.js', 'a library out of its place'],
  ['src/protocol/bytes.ts', 'node:crypto', 'Node in the page'],
  ['signaling/server.ts', '@scope/unknown', 'an unknown library'],
])('%s may not import %s: %s', (file, name) => {
  expect(isAllowed(file, name)).toBe(false);
});

test.each([
  ['src/room/room.ts', '../protocol/bytes.ts'],
  ['src/transfer/trusted-urls.ts', './worker.ts?worker&url'],
  ['src/main.ts', 'svelte'],
  ['src/main.ts', './ui/App.svelte'],
  ['signaling/server.ts', '../src/protocol/signal.ts'],
  ['signaling/server.ts', 'node:http'],
  ['src/rendezvous/simple-peer.ts', 'simple-peer/simplepeer.min.js'],
])('%s may import %s', (file, name) => {
  expect(isAllowed(file, name)).toBe(true);
});
