export const root: string;
export function run(command: string, args: readonly string[], options?: object): void;
export function install(): void;
export function build(): void;
export function browser(): Promise<void>;
export function turnServer(): void;
export function redisServer(): void;
