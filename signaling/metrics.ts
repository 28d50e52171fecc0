// What is counted, and may be printed: what happened, from a closed set of words, so that nothing can name anybody.

import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { Refusal } from '../src/protocol/signal.ts';

export type Happening =
  | 'opened'
  | 'closed'
  | 'joined'
  | 'relayed'
  | 'undeliverable'
  | 'delayed'
  | `refused ${Refusal | 'connection'}`
  | 'bus lost'
  | 'bus back';

export class Metrics {
  readonly #registry = new Registry();
  readonly #happened = new Counter({
    name: 'doorstep_events_total',
    help: 'What happened, by what it was',
    labelNames: ['event'],
    registers: [this.#registry],
  });
  /** To look one up by its label is more work than what is counted. */
  readonly #counters = new Map<Happening, Counter.Internal>();
  readonly #joining = new Histogram({
    name: 'doorstep_join_seconds',
    help: 'From a join to its answer',
    buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5],
    registers: [this.#registry],
  });
  readonly #print: ((line: string) => void) | undefined;

  /** `print`: takes each event as a line, where somebody wants to read along. */
  constructor(now: { sockets: () => number; rooms: () => number }, print?: (line: string) => void) {
    this.#print = print;
    this.#gauge('doorstep_sockets', 'Sockets open here', now.sockets);
    this.#gauge('doorstep_rooms', 'Rooms with somebody from here in them', now.rooms);
  }

  #gauge(name: string, help: string, value: () => number): void {
    const gauge: Gauge = new Gauge({ name, help, registers: [this.#registry], collect: () => gauge.set(value()) });
  }

  count(event: Happening): void {
    const counter = this.#counters.get(event) ?? this.#happened.labels(event);
    this.#counters.set(event, counter);
    counter.inc();
    this.#print?.(event);
  }

  /** Starts to measure a join; call what it returns at its answer. */
  joining(): () => void {
    return this.#joining.startTimer();
  }

  /** Serves /metrics, with those of the process, on a port of its own. Rejects when it cannot listen. */
  async serve(port: number, host: string): Promise<Server> {
    collectDefaultMetrics({ register: this.#registry });
    const server = createServer((request, response) => {
      if (request.url !== '/metrics') {
        response.writeHead(404).end();
        return;
      }
      void this.#registry.metrics().then((text) => {
        response.setHeader('Content-Type', this.#registry.contentType).end(text);
      });
    });
    server.listen(port, host);
    await once(server, 'listening');
    return server;
  }
}
