// How long a page kept its main thread busy at a time, as the browser's own trace has it: by the clock, and in processor
// time, which is what is left when two browsers on a small machine do not have to wait for each other.

import type { Page } from 'playwright';

/** Of one page, in milliseconds. */
export interface Longest {
  readonly clockMs: number;
  readonly cpuMs: number;
}

interface TraceEvent {
  readonly name: string;
  readonly ph: string;
  readonly pid: number;
  readonly tid: number;
  /** Microseconds: by the clock, and of the processor. */
  readonly dur?: number;
  readonly tdur?: number;
  readonly args?: { readonly name?: string };
}

/** Begins to watch a page's main thread; the function it resolves to ends that and says what was seen. */
export async function watchTasks(page: Page): Promise<() => Promise<Longest>> {
  const session = await page.context().newCDPSession(page);
  const events: TraceEvent[] = [];
  session.on('Tracing.dataCollected', ({ value }) => events.push(...(value as unknown as TraceEvent[])));
  await session.send('Tracing.start', {
    transferMode: 'ReportEvents',
    traceConfig: {
      recordMode: 'recordContinuously',
      includedCategories: ['disabled-by-default-devtools.timeline'],
      excludedCategories: ['*'],
    },
  });
  return async () => {
    const complete = new Promise((resolve) => session.once('Tracing.tracingComplete', resolve));
    await session.send('Tracing.end');
    await complete;
    return longest(events);
  };
}

function longest(events: readonly TraceEvent[]): Longest {
  const isMain = ({ name, args }: TraceEvent) => name === 'thread_name' && args?.name === 'CrRendererMain';
  const threads = events.filter(isMain).map(({ pid, tid }) => `${pid} ${tid}`);
  const tasks = events.filter(({ name, pid, tid }) => name === 'RunTask' && threads.includes(`${pid} ${tid}`));
  if (!tasks.length) throw new Error('the trace has no tasks of a page');
  const most = (times: number[]) => Math.round(times.reduce((a, b) => Math.max(a, b), 0) / 1000);
  return { clockMs: most(tasks.map(({ dur = 0 }) => dur)), cpuMs: most(tasks.map(({ tdur = 0 }) => tdur)) };
}
