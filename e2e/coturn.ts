// The real TURN server (coturn) on loopback, on a port of its own, for tests: UDP only, nothing kept. Who may use it is up to
// how it is configured: one account, the credentials of docs/protocol.md §2.1, or what docs/deploy.md says.

import { spawn, type ChildProcess } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const USERNAME = 'doorstep';
const CREDENTIAL = 'for tests only';
const START_MS = 10_000;
const ASK_AGAIN_MS = 50;
/** RFC 5389 §6: a Binding request without attributes; its transaction id does not matter here. */
const BINDING_REQUEST = Buffer.from(`000100002112a442${'00'.repeat(12)}`, 'hex');

/** How a server that is to listen on this port, and may keep files in this folder, is called. */
type Configuration = (port: number, folder: string) => Promise<string[]> | string[];

export class Coturn {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, process: ChildProcess, folder: string) {
    this.port = port;
    this.#process = process;
    this.#folder = folder;
  }

  /** Starts `turnserver` (the package coturn; another with DOORSTEP_TURNSERVER). Rejects when it is missing or does not answer. */
  static async start(configuration: Configuration = oneAccount): Promise<Coturn> {
    const [port, folder] = await Promise.all([freePort(), mkdtemp(join(tmpdir(), 'doorstep-coturn-'))]);
    const command = process.env['DOORSTEP_TURNSERVER'] ?? 'turnserver';
    const child = spawn(command, await configuration(port, folder), { stdio: 'ignore' });
    const coturn = new Coturn(port, child, folder);
    // A run that breaks off leaves none behind.
    process.once('exit', () => child.kill('SIGKILL'));
    const ended = once(child, 'exit').then(
      () => Promise.reject(new Error(`${command} ended before it answered`)),
      (error: unknown) => Promise.reject(new Error(`cannot start ${command}: is coturn installed?`, { cause: error })),
    );
    try {
      await Promise.race([answers(port), ended]);
    } catch (error) {
      await coturn.stop();
      throw error;
    }
    ended.catch(() => undefined);
    return coturn;
  }

  /** Where it is, when it is reached through that port of 127.0.0.1. */
  static url(port: number): string {
    return `turn:127.0.0.1:${port}?transport=udp`;
  }

  /** What a browser calls its account by, when it is reached through that port of 127.0.0.1. */
  static iceServer(port: number): { urls: string; username: string; credential: string } {
    return { urls: Coturn.url(port), username: USERNAME, credential: CREDENTIAL };
  }

  async stop(): Promise<void> {
    const { exitCode, signalCode, pid } = this.#process;
    if (pid !== undefined && exitCode === null && signalCode === null) {
      const ended = once(this.#process, 'exit');
      this.#process.kill('SIGKILL');
      await ended;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }
}

const files = (folder: string) => ['--pidfile', join(folder, 'pid'), '--userdb', join(folder, 'users.db')];

function onLoopback(port: number, folder: string): string[] {
  return [
    // No configuration file of the machine's.
    '-n',
    ...['--listening-ip', '127.0.0.1', '--relay-ip', '127.0.0.1', '--listening-port', String(port)],
    ...['--realm', 'doorstep.test'],
    // The other browser's relayed address is on loopback too. It refuses this together with an open command line.
    ...['--allow-loopback-peers', '--no-cli'],
    ...['--no-tcp', '--no-tcp-relay', '--no-tls', '--no-dtls', '--no-rfc5780'],
    ...['--no-stdout-log', '--log-file', '/dev/null', '--simple-log'],
    ...files(folder),
  ];
}

function oneAccount(port: number, folder: string): string[] {
  return [...onLoopback(port, folder), '--lt-cred-mech', '--user', `${USERNAME}:${CREDENTIAL}`];
}

/** It takes what was minted with any of these secrets. */
export function withSecrets(...secrets: readonly string[]): Configuration {
  return (port, folder) => [
    ...onLoopback(port, folder),
    '--use-auth-secret',
    ...secrets.flatMap((secret) => ['--static-auth-secret', secret]),
  ];
}

const DOCUMENT = fileURLToPath(new URL('../docs/deploy.md', import.meta.url));

/**
 * As docs/deploy.md says, but for: the addresses (loopback, and the IPv6 one to be asked about IPv6 peers), the port, the
 * secret. There is no certificate, so it speaks no TLS; and files it would keep beside the system's are in the folder.
 */
export function asDocumented(secret: string): Configuration {
  return async (port, folder) => {
    const [, block] = /^## TURN$.*?^```ini$(.*?)^```$/ms.exec(await readFile(DOCUMENT, 'utf8')) ?? [];
    if (block === undefined) throw new Error('docs/deploy.md has no configuration of a TURN server');
    const config = join(folder, 'turnserver.conf');
    const replaced = new Map([
      ['listening-ip', '127.0.0.1'],
      ['relay-ip', '127.0.0.1\nrelay-ip=::1'],
      ['listening-port', String(port)],
      ['static-auth-secret', secret],
    ]);
    let text = block;
    for (const [name, value] of replaced) {
      const line = new RegExp(`^${name}=.*$`, 'm');
      if (!line.test(text)) throw new Error(`docs/deploy.md sets no ${name}`);
      text = text.replace(line, `${name}=${value}`);
    }
    await writeFile(config, text);
    return ['-c', config, ...files(folder)];
  };
}

/** A UDP port nobody listens on; nothing keeps it free until it is used. */
async function freePort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

/** Resolves once a STUN server answers there. */
async function answers(port: number): Promise<void> {
  const socket = createSocket('udp4');
  // Asking before it listens is refused.
  socket.on('error', () => undefined);
  const asking = setInterval(() => socket.send(BINDING_REQUEST, port, '127.0.0.1'), ASK_AGAIN_MS);
  try {
    await once(socket, 'message', { signal: AbortSignal.timeout(START_MS) });
  } finally {
    clearInterval(asking);
    socket.close();
  }
}
