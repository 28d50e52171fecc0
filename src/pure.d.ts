// The few globals that every place the pure code runs in has (pages, workers, Node ≥ 20). Anything else, `document`
// first of all, is a type error there.
interface TextEncoder {
  encode(text: string): Uint8Array<ArrayBuffer>;
}
declare const TextEncoder: new () => TextEncoder;
interface TextDecoder {
  decode(bytes: Uint8Array): string;
}
declare const TextDecoder: new (label: 'utf-8', options: { fatal: true; ignoreBOM: true }) => TextDecoder;

interface URL {
  readonly href: string;
  readonly hostname: string;
  readonly username: string;
  readonly password: string;
}
declare const URL: { new (address: string): URL; canParse(address: string): boolean };

interface CryptoKey {
  readonly type: string;
}
declare const crypto: {
  getRandomValues<T extends Uint8Array | Uint32Array>(into: T): T;
  readonly subtle: {
    digest(algorithm: 'SHA-256', bytes: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    generateKey(
      algorithm: 'Ed25519',
      extractable: false,
      usages: readonly string[],
    ): Promise<{ readonly publicKey: CryptoKey; readonly privateKey: CryptoKey }>;
    generateKey(
      algorithm: { name: 'AES-GCM'; length: 256 },
      extractable: false,
      usages: readonly string[],
    ): Promise<CryptoKey>;
    exportKey(format: 'raw', key: CryptoKey): Promise<ArrayBuffer>;
    importKey(
      format: 'raw',
      key: Uint8Array<ArrayBuffer>,
      algorithm: 'HKDF' | { name: 'HMAC'; hash: 'SHA-256' },
      extractable: false,
      usages: readonly string[],
    ): Promise<CryptoKey>;
    sign(algorithm: 'Ed25519' | 'HMAC', key: CryptoKey, message: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    encrypt(algorithm: AesGcm, key: CryptoKey, plain: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    decrypt(algorithm: AesGcm, key: CryptoKey, sealed: Uint8Array<ArrayBuffer>): Promise<ArrayBuffer>;
    deriveBits(
      algorithm: { name: 'HKDF'; hash: 'SHA-256'; salt: Uint8Array<ArrayBuffer>; info: Uint8Array<ArrayBuffer> },
      key: CryptoKey,
      bits: number,
    ): Promise<ArrayBuffer>;
  };
};
interface AesGcm {
  readonly name: 'AES-GCM';
  readonly iv: Uint8Array<ArrayBuffer>;
}
