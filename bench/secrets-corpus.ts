// A corpus for `bench secrets`: files with something secret in them and ordinary ones, made from a seed. It knows nothing of
// the detector. Secrets are look-alikes put together here: of the right form, and worth nothing.

/** One file of the corpus. */
export interface Sample {
  readonly kind: string;
  readonly path: string;
  readonly text: string;
}

/** 200 words of BIP-39, drawn by lot. */
const SEED_WORDS = `
  mule rural stone puppy special index recipe blast latin month verify immense shoe organ ostrich dream intact
  chat grab elephant inform permit salt rescue huge annual spin banner orchard exchange sing slender parade arrive
  style anxiety cereal gym banana bulb sand speed lift barrel dumb text neutral horn business misery absent
  daughter diagram derive space rally under raise rely obtain proof possible slab noble pen that chapter digital
  unfold ill buddy spike jewel trap client hurt coil purse skin thrive unveil pluck electric miracle ugly blanket
  super raccoon fruit game alcohol hollow flip always grow jaguar trumpet summer video vocal guide bubble sunny
  friend wire list liquid jealous aerobic source undo grunt income aware pipe short size tip entry wish proud
  sauce pistol athlete like rapid october edit february evoke cloth dizzy virus cotton brass broom expect shed
  monster excess boss element cushion century cause adapt brick ready wear hunt mimic spy account gap modify candy
  balcony betray goose universe liar tuition speak excuse season forest long pull powder fee camera human tree
  worth narrow upper rigid grace bracket bronze festival catch depth jar nose milk rug achieve bitter crumble
  claim calm neither cable unfair upgrade crack kit uphold crazy
`
  .trim()
  .split(/\s+/);

const WORDS =
  `the of and to in a is that for it as was with be by on not he this are or his from at which but have an had they
  you were their one all we can her has there been if more when will would who so no out up said what its about than into
  them only other time new some could these two may first then do any like my now over such our man me even most made after
  also well many must before through back years where much your way down should because long each just state those people
  too mr how little good world make very year still see own work men day get here between both life being under three never
  know same last another while us off might great go come since against right came take used himself few house american use
  place during high without again home around small however found mrs part school thought went say general once upon war
  every left got water hand enough almost side set night head put end better young eyes far door room table letter morning
  kitchen river summer garden train market paper price report meeting budget invoice customer order delivery team project
  release version issue change request token password secret key access login account user wallet phrase recovery backup
  certificate signature public private server client network database table index column value string number array object`
    .trim()
    .split(/\s+/);

const B62 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const HEX = '0123456789abcdef';

/** Chance that can be had again. */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** 0 up to but not 1 (mulberry32). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  }

  /** A whole number from `least` to `most`. */
  int(least: number, most: number): number {
    return least + Math.floor(this.next() * (most - least + 1));
  }

  pick<T>(from: readonly T[]): T {
    return from[this.int(0, from.length - 1)] as T;
  }

  chars(length: number, alphabet = B62): string {
    return Array.from({ length }, () => alphabet[this.int(0, alphabet.length - 1)]).join('');
  }

  many<T>(least: number, most: number, make: (i: number) => T): T[] {
    return Array.from({ length: this.int(least, most) }, (_, i) => make(i));
  }
}

const hex = (dice: Dice, length: number) => dice.chars(length, HEX);
const base64 = (dice: Dice, length: number) => dice.chars(length, `${B62}+/`);
const base64url = (dice: Dice, length: number) => dice.chars(length, `${B62}-_`);
const upper = (dice: Dice, length: number) => dice.chars(length, 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567');
const uuid = (dice: Dice) => [8, 4, 4, 4, 12].map((length) => hex(dice, length)).join('-');
const wrap = (text: string, width = 64) => text.match(new RegExp(`.{1,${width}}`, 'g'))?.join('\n') ?? '';
const pem = (label: string, body: string) => `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
const date = (dice: Dice) => `20${dice.int(18, 26)}-0${dice.int(1, 9)}-${dice.int(10, 28)}`;
const time = (dice: Dice) => `${dice.int(10, 23)}:${dice.int(10, 59)}:${dice.int(10, 59)}`;
const encoded = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function sentence(dice: Dice): string {
  const words = dice.many(4, 19, () => dice.pick(WORDS));
  const text = words.join(' ').replace(/ (\w+)$/, dice.next() < 0.2 ? ', $1' : ' $1');
  return `${text[0]?.toUpperCase() ?? ''}${text.slice(1)}${dice.pick(['.', '.', '.', '?', '!', ':'])}`;
}

const paragraph = (dice: Dice) => dice.many(2, 7, () => sentence(dice)).join(' ');
const prose = (dice: Dice) => dice.many(2, 14, () => paragraph(dice)).join('\n\n');
const camel = (dice: Dice) =>
  dice.many(1, 3, (i) => (i ? dice.pick(WORDS).replace(/^./, (c) => c.toUpperCase()) : dice.pick(WORDS))).join('');
const CAPS = (dice: Dice) => dice.many(1, 3, () => dice.pick(WORDS).toUpperCase()).join('_');

function script(dice: Dice): string {
  const lines = dice.many(10, 90, () =>
    dice.pick([
      () => `import { ${camel(dice)}, ${camel(dice)} } from './${camel(dice)}.ts';`,
      () => `const ${camel(dice)} = ${dice.int(0, 99999)};`,
      () => `const ${camel(dice)} = process.env.${CAPS(dice)}_TOKEN ?? '';`,
      () =>
        `  if (${camel(dice)}.${camel(dice)} === ${camel(dice)}) return ${camel(dice)}(${camel(dice)}, '${dice.pick(WORDS)}');`,
      () => `// ${sentence(dice)}`,
      () => `export async function ${camel(dice)}(password: string, key = '${dice.pick(WORDS)}'): Promise<void> {`,
      () => `  const token = await ${camel(dice)}.getToken({ secret: config.${camel(dice)}Secret });`,
      () => '}',
      () => `const ETAG = '${hex(dice, 40)}';`,
      () => `type ${camel(dice)} = '${dice.many(3, 14, () => dice.pick(WORDS)).join("' | '")}';`,
      () => `const keywords = [${dice.many(5, 30, () => `'${dice.pick(WORDS)}'`).join(', ')}];`,
      () => `throw new Error(\`${sentence(dice)} \${${camel(dice)}}\`);`,
    ])(),
  );
  return lines.join('\n');
}

function python(dice: Dice): string {
  const lines = dice.many(10, 70, () =>
    dice.pick([
      () => `from ${dice.pick(WORDS)}.${dice.pick(WORDS)} import ${camel(dice)}`,
      () => `${CAPS(dice)} = os.environ["${CAPS(dice)}_KEY"]`,
      () => `def ${dice.pick(WORDS)}_${dice.pick(WORDS)}(self, api_key=None, secret_key=""):`,
      () => `    """${sentence(dice)}"""`,
      () => `    assert hashlib.sha256(data).hexdigest() == "${hex(dice, 64)}"`,
      () => `    return self.${dice.pick(WORDS)}[${dice.int(0, 9)}]`,
      () => `# ${sentence(dice)}`,
    ])(),
  );
  return lines.join('\n');
}

const columns = ['id', 'first', 'last', 'email', 'city', 'amount', 'date', 'phone', 'status', 'iban', 'sku'];
function table(dice: Dice): string {
  const used = columns.filter(() => dice.next() < 0.7);
  const cell = (column: string) =>
    column === 'email'
      ? `${dice.pick(WORDS)}@${dice.pick(WORDS)}.com`
      : column === 'date'
        ? date(dice)
        : column === 'iban'
          ? `DE${dice.chars(20, '0123456789')}`
          : column === 'id'
            ? uuid(dice)
            : dice.next() < 0.5
              ? dice.pick(WORDS)
              : String(dice.int(0, 1e9));
  return [used.join(','), ...dice.many(5, 200, () => used.map(cell).join(','))].join('\n');
}

function json(dice: Dice, depth = 0): unknown {
  if (depth > 2 || dice.next() < 0.3)
    return dice.pick<() => unknown>([
      () => uuid(dice),
      () => hex(dice, dice.pick([32, 40, 64])),
      () => dice.int(0, 1e12),
      () => sentence(dice),
      () => `data:image/png;base64,iVBORw0KGgo${base64(dice, dice.int(200, 3000))}=`,
      () => `https://${dice.pick(WORDS)}.com/${dice.pick(WORDS)}?v=${hex(dice, 12)}&page=${dice.int(1, 99)}`,
      () => `M${dice.int(0, 99)}.${dice.int(0, 99)}c${dice.many(5, 40, () => `-${dice.next().toFixed(3)}`).join(',')}z`,
      () => dice.next() < 0.5,
    ])();
  if (dice.next() < 0.3) return dice.many(1, 14, () => json(dice, depth + 1));
  const keys = [
    'key',
    'token',
    'secret',
    'd',
    'hash',
    'etag',
    'type',
    'id',
    'publicKey',
    'sessionId',
    ...WORDS.slice(0, 60),
  ];
  return Object.fromEntries(dice.many(2, 9, () => [dice.pick(keys), json(dice, depth + 1)]));
}

function lock(dice: Dice): string {
  const name = () => `${dice.pick(WORDS)}-${dice.pick(WORDS)}`;
  const version = () => `${dice.int(0, 20)}.${dice.int(0, 20)}.${dice.int(0, 20)}`;
  const entry = dice.pick([
    () =>
      `    "node_modules/${name()}": {\n      "version": "${version()}",\n      "integrity": "sha512-${base64(dice, 86)}=="\n    },`,
    () =>
      `${name()}@^${version()}:\n  version "${version()}"\n  resolved "https://registry.yarnpkg.com/a.tgz#${hex(dice, 40)}"`,
    () => `[[package]]\nname = "${name()}"\nversion = "${version()}"\nchecksum = "${hex(dice, 64)}"`,
    () => `github.com/${dice.pick(WORDS)}/${name()} v${version()} h1:${base64(dice, 43)}=`,
    () => `    {file = "${name()}-${version()}-py3-none-any.whl", hash = "sha256:${hex(dice, 64)}"},`,
  ]);
  return dice.many(20, 200, () => entry()).join('\n');
}

function log(dice: Dice): string {
  const line = () =>
    `${date(dice)}T${time(dice)}Z ${dice.pick(['INFO', 'WARN', 'ERROR', 'DEBUG'])} ` +
    dice.pick([
      () => `request_id=${uuid(dice)} path=/${dice.pick(WORDS)}/${dice.int(1, 9999)} status=${dice.int(200, 503)}`,
      () => `cache-key-${hex(dice, 32)} hit in ${dice.int(1, 99)} ms`,
      () =>
        `  at com.${dice.pick(WORDS)}.${camel(dice)}Service.${camel(dice)}(${camel(dice)}.java:${dice.int(1, 900)})`,
      () => `pulled image sha256:${hex(dice, 64)}`,
      () => `user ${dice.int(1e8, 2e9)}: ${sentence(dice)}`,
      () =>
        `GET https://${dice.pick(WORDS)}.example.com/?sid=${base64url(dice, 22)} from ${dice.int(1, 255)}.0.0.${dice.int(1, 255)}`,
      () => `Authorization: Bearer [REDACTED], token=****`,
    ])();
  return dice.many(20, 250, line).join('\n');
}

function minified(dice: Dice): string {
  const part = () =>
    dice.pick([
      () =>
        `function ${dice.chars(2)}(${dice.chars(1)},${dice.chars(1)}){return ${dice.chars(1)}.${camel(dice)}(${dice.int(0, 99)})}`,
      () => `${dice.chars(2)}.${camel(dice)}=${dice.chars(1)}=>"${dice.pick(WORDS)}-${dice.pick(WORDS)}";`,
      () => `e.exports={${dice.many(2, 8, () => `${camel(dice)}:"_${base64url(dice, 20)}"`).join(',')}};`,
      () => `var ${dice.chars(2)}="${base64(dice, dice.int(40, 400))}",`,
    ])();
  return `!function(){"use strict";${dice.many(50, 300, part).join('')}}();\n//# sourceMappingURL=data:application/json;base64,eyJ2ZXJzaW9uIjoz${base64(dice, 800)}`;
}

function publicKeys(dice: Dice): [path: string, text: string] {
  const der = (length: number) => wrap(`MII${base64(dice, length)}==`);
  return dice.pick<() => [string, string]>([
    () => ['id_ed25519.pub', `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${base64(dice, 43)} me@home`],
    () => ['keys/id_rsa.pub', `ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAB${base64(dice, 340)} work`],
    () => [
      'authorized_keys',
      dice.many(2, 9, () => `ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI${base64(dice, 43)} x`).join('\n'),
    ],
    () => [
      dice.pick(['tls/fullchain.pem', 'cacert.pem', 'cert.pem']),
      Array(dice.int(1, 4))
        .fill(0)
        .map(() => pem('CERTIFICATE', der(1200)))
        .join(''),
    ],
    () => [dice.pick(['server.crt', 'ca.cer', 'intermediate.crt']), pem('CERTIFICATE', der(1500))],
    () => [dice.pick(['public.pem', 'jwt-public.pem', 'keys/verify.key']), pem('PUBLIC KEY', der(380))],
    () => ['request.csr', pem('CERTIFICATE REQUEST', der(900))],
    () => ['release.asc', pem('PGP PUBLIC KEY BLOCK', `\n${wrap(base64(dice, 1600))}\n=${base64(dice, 4)}`)],
    () => ['archive.tar.gz.sig.txt', pem('PGP SIGNATURE', `\n${wrap(base64(dice, 500))}`)],
    () => [
      'jwks.json',
      JSON.stringify({ keys: [{ kty: 'RSA', kid: uuid(dice), n: base64url(dice, 342), e: 'AQAB' }] }),
    ],
    () => ['dhparams.pem', pem('DH PARAMETERS', der(400))],
  ])();
}

function fixture(dice: Dice): string {
  const fake = dice.pick([
    () => `ghp_${'x'.repeat(36)}`,
    () => `AKIA${['IOSFODNN7', 'EXAMPLE'].join('')}`,
    () => 'sk_test_your_key_here',
    () => `${hex(dice, 8)}-token`,
    () => 'sk-...',
    () => '<YOUR_API_KEY>',
    () => `xoxb-${'0'.repeat(12)}-${'x'.repeat(24)}`,
    () => 'password123',
    () => `fake-jwt.${dice.pick(WORDS)}.signature`,
  ]);
  return dice
    .many(
      4,
      25,
      () => `it('${sentence(dice)}', () => {\n  expect(${camel(dice)}('${fake()}')).toBe(${dice.int(0, 9)});\n});`,
    )
    .join('\n');
}

function aboutKeys(dice: Dice): string {
  const part = () =>
    dice.pick([
      () => `## ${sentence(dice)}\n\n${paragraph(dice)}`,
      () => '```\n-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n```',
      () => '    -----BEGIN RSA PRIVATE KEY-----\n    <your key here>\n    -----END RSA PRIVATE KEY-----',
      () =>
        '```sh\nexport GITHUB_TOKEN=ghp_your_token_here\nexport AWS_SECRET_ACCESS_KEY=${SECRET}\nssh-keygen -t ed25519\n```',
      () => 'A seed phrase has 12 or 24 words. Write them down on paper and never type them into a page.',
      () => '`postgres://user:password@localhost:5432/db` is the default; use `DATABASE_URL` for another.',
      () => `A JWT is three parts: \`${encoded({ alg: 'HS256', typ: 'JWT' })}.<payload>.<signature>\`.`,
      () => 'Tokens begin with `ghp_`, `glpat-`, `npm_`, `xoxb-` or `sk_live_`, and are revoked when they leak.',
      () => `| option | default |\n| --- | --- |\n| \`apiKey\` | \`""\` |\n| \`secret\` | \`process.env.SECRET\` |`,
    ])();
  return dice.many(4, 15, part).join('\n\n');
}

function settings(dice: Dice): [path: string, text: string] {
  return dice.pick<() => [string, string]>([
    () => [
      'docker-compose.yml',
      `services:\n  web:\n    image: ${dice.pick(WORDS)}:${dice.int(1, 9)}\n    environment:\n      DATABASE_URL: postgres://postgres:postgres@db:5432/app\n      REDIS_URL: redis://redis:6379\n      SECRET_KEY: \${SECRET_KEY}\n`,
    ],
    () => [
      '.github-ci.yml',
      `env:\n  TOKEN: \${{ secrets.GITHUB_TOKEN }}\n  AWS_ACCESS_KEY_ID: \${{ secrets.AWS_ACCESS_KEY_ID }}\n  SHA: ${hex(dice, 40)}\n`,
    ],
    () => [
      'main.tf',
      `variable "db_password" {\n  sensitive = true\n}\nresource "aws_s3_bucket" "b" {\n  bucket = "${dice.pick(WORDS)}-${hex(dice, 8)}"\n}\n`,
    ],
    () => [
      'nginx.conf',
      `server {\n  ssl_certificate /etc/ssl/a.pem;\n  ssl_certificate_key /etc/ssl/a.key;\n  # ${sentence(dice)}\n}\n`,
    ],
    () => ['application.properties', `spring.datasource.password=\${DB_PASSWORD}\napp.token.ttl=${dice.int(1, 999)}\n`],
    () => [
      'values.yaml',
      `image:\n  digest: sha256:${hex(dice, 64)}\nsecretName: ${dice.pick(WORDS)}-tls\npassword: ""\n`,
    ],
    () => [
      'settings.json',
      JSON.stringify({ theme: dice.pick(WORDS), telemetryId: uuid(dice), machineId: hex(dice, 64) }, null, 2),
    ],
  ])();
}

function markup(dice: Dice): string {
  const part = () =>
    dice.pick([
      () => `<p class="${dice.pick(WORDS)}-${dice.pick(WORDS)}">${sentence(dice)}</p>`,
      () => `<input type="password" name="${camel(dice)}" autocomplete="current-password">`,
      () => `<script src="/a.js" integrity="sha384-${base64(dice, 64)}" nonce="${base64(dice, 22)}=="></script>`,
      () => `<path d="M${dice.many(10, 60, () => `${dice.int(0, 99)} ${dice.int(0, 99)}`).join('L')}Z"/>`,
      () => `.${dice.pick(WORDS)}-sk-${dice.pick(WORDS)}-${dice.pick(WORDS)} { color: #${hex(dice, 6)}; }`,
      () => `<img src="data:image/png;base64,${base64(dice, dice.int(100, 2000))}">`,
    ])();
  return dice.many(10, 90, part).join('\n');
}

function lists(dice: Dice): string {
  return dice.many(5, 60, () => dice.many(1, 14, () => dice.pick(WORDS)).join(dice.pick([' ', ', ', '\n']))).join('\n');
}

function database(dice: Dice): string {
  const part = () =>
    dice.pick([
      () => `CREATE TABLE ${dice.pick(WORDS)}s (id uuid PRIMARY KEY, password_hash text NOT NULL, api_key text);`,
      () => `INSERT INTO ${dice.pick(WORDS)}s VALUES (${dice.int(1, 99)}, '${dice.pick(WORDS)}', '${date(dice)}');`,
      () => `ALTER TABLE ${dice.pick(WORDS)}s ADD COLUMN ${dice.pick(WORDS)} integer DEFAULT ${dice.int(0, 9)};`,
      () => `-- ${sentence(dice)}`,
    ])();
  return dice.many(5, 50, part).join('\n');
}

function other(dice: Dice): [path: string, text: string] {
  const calendar = () =>
    `BEGIN:VEVENT\nUID:${uuid(dice)}@x\nDTSTART:20260101T${dice.int(100000, 235959)}Z\nSUMMARY:${sentence(dice)}\nEND:VEVENT`;
  return dice.pick<() => [string, string]>([
    () => ['calendar.ics', dice.many(3, 40, calendar).join('\n')],
    () => [
      'film.srt',
      dice
        .many(10, 90, (i) => `${i + 1}\n00:${dice.int(10, 59)}:01,000 --> 00:59:02,500\n${sentence(dice)}\n`)
        .join('\n'),
    ],
    () => [
      'contacts.vcf',
      dice
        .many(
          3,
          40,
          () =>
            `BEGIN:VCARD\nFN:${dice.pick(WORDS)}\nTEL:+${dice.chars(11, '0123456789')}\nPHOTO;ENCODING=b:${base64(dice, 400)}\nEND:VCARD`,
        )
        .join('\n'),
    ],
    () => [
      'change.patch',
      `From ${hex(dice, 40)} Mon Sep 17\nindex ${hex(dice, 7)}..${hex(dice, 7)} 100644\n${script(dice).replaceAll(/^/gm, '+')}`,
    ],
    () => [
      'notebook.ipynb',
      JSON.stringify({ cells: dice.many(2, 9, () => ({ source: sentence(dice), png: base64(dice, 2000) })) }),
    ],
    () => [
      'feed.xml',
      dice.many(4, 30, () => `<item><guid>${uuid(dice)}</guid><title>${sentence(dice)}</title></item>`).join('\n'),
    ],
    () => ['track.gpx', dice.many(20, 90, () => `<trkpt lat="${dice.next()}" lon="${dice.next()}"/>`).join('\n')],
    () => ['SHA256SUMS', dice.many(5, 60, () => `${hex(dice, 64)}  ${dice.pick(WORDS)}.iso`).join('\n')],
    () => [
      'mail.eml',
      `From: a@${dice.pick(WORDS)}.com\nMessage-ID: <${base64url(dice, 40)}@mail.x.com>\nDKIM-Signature: v=1; b=${base64(dice, 170)}\n\n${prose(dice)}`,
    ],
    () => [
      'geometry.obj',
      dice
        .many(50, 300, () => `v ${dice.next().toFixed(6)} ${dice.next().toFixed(6)} ${dice.next().toFixed(6)}`)
        .join('\n'),
    ],
    () => [
      'bundle.map',
      JSON.stringify({
        version: 3,
        names: dice.many(20, 90, () => camel(dice)),
        mappings: dice.chars(2000, 'AAAACCEEGIKMOQSU;,'),
      }),
    ],
  ])();
}

/** Names that only sound like a secret. */
const SOUNDS_SECRET =
  `keyboard.ts monkey.json tokenizer.py password-reset.html secretary.txt credentials-provider.ts HISTORY.md
  cookies.md wallet.svg id-card.txt forgot-password.tsx env.ts environment.prod.ts key.ts keys.md keynote.txt pem.ts secrets.md
  private.md login.json auth.service.ts certificate.txt backup.md restore.sh seed.ts recovery.md vault.md tokens.css
  netrc.py npmrc.md id_generator.go dump.py database.md .env.example credentials.example.json`
    .trim()
    .split(/\s+/);

const FOLDERS = ['', 'src/', 'docs/', 'test/fixtures/', 'web/app/', 'notes/', 'Project 2024/', 'data/'];

/** Each kind of ordinary file: names it has, and a text. */
const ORDINARY: readonly (readonly [kind: string, make: (dice: Dice) => readonly [path: string, text: string]])[] = [
  ['script', (dice) => [`${camel(dice)}.${dice.pick(['ts', 'js', 'tsx', 'go', 'java'])}`, script(dice)]],
  ['python', (dice) => [`${dice.pick(WORDS)}_${dice.pick(WORDS)}.py`, python(dice)]],
  ['prose', (dice) => [`${dice.pick(WORDS)} ${dice.pick(WORDS)}.${dice.pick(['txt', 'md', 'tex'])}`, prose(dice)]],
  ['table', (dice) => [`${dice.pick(WORDS)}s.${dice.pick(['csv', 'tsv'])}`, table(dice)]],
  ['json', (dice) => [`${dice.pick(WORDS)}.json`, JSON.stringify(json(dice), null, dice.pick([0, 2]))]],
  [
    'lock',
    (dice) => [dice.pick(['package-lock.json', 'yarn.lock', 'Cargo.lock', 'go.sum', 'poetry.lock']), lock(dice)],
  ],
  ['log', (dice) => [`${dice.pick(WORDS)}.log`, log(dice)]],
  ['minified', (dice) => [`${dice.pick(WORDS)}.${hex(dice, 8)}.min.js`, minified(dice)]],
  ['public key', publicKeys],
  ['fixture', (dice) => [`${camel(dice)}.test.ts`, fixture(dice)]],
  ['about keys', (dice) => [dice.pick(['README.md', 'security.md', 'setup.md', 'docs/auth.md']), aboutKeys(dice)]],
  ['settings', settings],
  ['markup', (dice) => [`${dice.pick(WORDS)}.${dice.pick(['html', 'svg', 'css', 'vue'])}`, markup(dice)]],
  ['list', (dice) => [`${dice.pick(WORDS)}.txt`, lists(dice)]],
  ['database', (dice) => [`${dice.int(1, 99)}_${dice.pick(WORDS)}.sql`, database(dice)]],
  ['other', other],
  ['name', (dice) => [dice.pick(SOUNDS_SECRET), dice.pick([prose, script, aboutKeys])(dice)]],
];

export function ordinaryFiles(dice: Dice, count: number): Sample[] {
  return Array.from({ length: count }, (_, i) => {
    const [kind, make] = ORDINARY[i % ORDINARY.length] as (typeof ORDINARY)[number];
    const [path, text] = make(dice);
    return { kind, path: dice.pick(FOLDERS) + path, text };
  });
}

/** Secrets as their makers hand them out, from their public descriptions. */
const SECRETS: readonly (readonly [kind: string, make: (dice: Dice) => string])[] = [
  ['RSA key', (dice) => pem(dice.pick(['RSA PRIVATE KEY', 'PRIVATE KEY']), wrap(`MIIE${base64(dice, 1580)}==`))],
  ['EC key', (dice) => pem(dice.pick(['EC PRIVATE KEY', 'PRIVATE KEY']), wrap(`MHcCAQEEI${base64(dice, 154)}==`))],
  ['Ed25519 key', (dice) => pem('PRIVATE KEY', `MC4CAQAwBQYDK2VwBCIEI${base64(dice, 43)}`)],
  ['OpenSSH key', (dice) => pem('OPENSSH PRIVATE KEY', wrap(`b3BlbnNzaC1rZXktdjEAAAAA${base64(dice, 340)}=`, 70))],
  ['encrypted key', (dice) => pem('ENCRYPTED PRIVATE KEY', wrap(`MIIFLTBXBgkqhkiG9w0B${base64(dice, 1700)}`))],
  [
    'old encrypted key',
    (dice) =>
      pem(
        'RSA PRIVATE KEY',
        `Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,${hex(dice, 32).toUpperCase()}\n\n${wrap(base64(dice, 1600))}`,
      ),
  ],
  ['PGP key', (dice) => pem('PGP PRIVATE KEY BLOCK', `\n${wrap(`lQVYB${base64(dice, 2400)}`)}\n=${base64(dice, 4)}`)],
  ['AWS', (dice) => dice.pick(['AKIA', 'ASIA']) + upper(dice, 16)],
  ['AWS secret', (dice) => `aws_secret_access_key = ${base64(dice, 40)}`],
  ['Google', (dice) => `AIza${base64url(dice, 35)}`],
  ['Google OAuth', (dice) => `GOCSPX-${base64url(dice, 28)}`],
  [
    'Google account',
    (dice) =>
      JSON.stringify(
        {
          type: 'service_account',
          project_id: dice.pick(WORDS),
          private_key_id: hex(dice, 40),
          private_key: pem('PRIVATE KEY', wrap(`MIIEv${base64(dice, 1590)}`)),
        },
        null,
        2,
      ),
  ],
  [
    'Azure storage',
    (dice) =>
      `DefaultEndpointsProtocol=https;AccountName=${dice.pick(WORDS)};AccountKey=${base64(dice, 86)}==;EndpointSuffix=core.windows.net`,
  ],
  ['Azure secret', (dice) => `${dice.chars(3)}8Q~${base64url(dice, 34)}`],
  ['DigitalOcean', (dice) => `dop_v1_${hex(dice, 64)}`],
  ['GitHub', (dice) => `gh${dice.pick(['p', 'o', 's', 'r'])}_${dice.chars(36)}`],
  ['GitHub fine', (dice) => `github_pat_${dice.chars(22)}_${dice.chars(59)}`],
  ['GitLab', (dice) => `glpat-${base64url(dice, 20)}`],
  ['npm', (dice) => `npm_${dice.chars(36)}`],
  ['PyPI', (dice) => `pypi-AgEIcHlwaS5vcmc${base64url(dice, 150)}`],
  ['Docker', (dice) => `dckr_pat_${base64url(dice, 27)}`],
  ['Slack', (dice) => `xox${dice.pick(['b', 'p'])}-${dice.int(1e11, 9e11)}-${dice.int(1e11, 9e11)}-${dice.chars(24)}`],
  ['Slack hook', (dice) => `https://hooks.slack.com/services/T${upper(dice, 9)}/B${upper(dice, 9)}/${dice.chars(24)}`],
  ['Stripe', (dice) => `${dice.pick(['sk', 'rk'])}_live_${dice.chars(dice.pick([24, 99]))}`],
  ['Stripe hook', (dice) => `whsec_${dice.chars(32)}`],
  ['Square', (dice) => `sq0csp-${base64url(dice, 43)}`],
  ['OpenAI', (dice) => `sk-${dice.pick(['', 'proj-'])}${dice.chars(20)}T3BlbkFJ${dice.chars(20)}`],
  ['Anthropic', (dice) => `sk-ant-api03-${base64url(dice, 93)}AA`],
  ['Hugging Face', (dice) => `hf_${dice.chars(34, B62.slice(0, 52))}`],
  ['SendGrid', (dice) => `SG.${base64url(dice, 22)}.${base64url(dice, 43)}`],
  ['Telegram', (dice) => `${dice.int(1e9, 7e9)}:AA${base64url(dice, 33)}`],
  [
    'Discord',
    (dice) =>
      `${Buffer.from(String(dice.int(1e17, 9e17))).toString('base64url')}.${base64url(dice, 6)}.${base64url(dice, 38)}`,
  ],
  ['Twilio', (dice) => `SK${hex(dice, 32)}`],
  [
    'JWT',
    (dice) =>
      `${encoded({ alg: 'RS256', kid: hex(dice, 8) })}.${encoded({ sub: uuid(dice), exp: dice.int(1e9, 2e9) })}.${base64url(dice, 342)}`,
  ],
  ['12 words', (dice) => Array.from({ length: 12 }, () => dice.pick(SEED_WORDS)).join(' ')],
  ['24 words', (dice) => Array.from({ length: 24 }, () => dice.pick(SEED_WORDS)).join(' ')],
  ['numbered words', (dice) => Array.from({ length: 12 }, (_, i) => `${i + 1}. ${dice.pick(SEED_WORDS)}`).join('\n')],
  [
    'database address',
    (dice) =>
      `${dice.pick(['postgresql', 'mysql', 'mongodb+srv'])}://${dice.pick(WORDS)}:${dice.chars(16)}@${dice.pick(WORDS)}.${dice.pick(WORDS)}.net/app`,
  ],
  ['WireGuard', (dice) => `[Interface]\nPrivateKey = ${base64(dice, 43)}=\nAddress = 10.0.0.2/32`],
  ['age', (dice) => `AGE-SECRET-KEY-1${dice.chars(58, 'QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L')}`],
  [
    'JWK',
    (dice) =>
      JSON.stringify({
        kty: 'EC',
        crv: 'P-256',
        x: base64url(dice, 43),
        y: base64url(dice, 43),
        d: base64url(dice, 43),
      }),
  ],
  [
    'dump',
    (dice) =>
      `-- PostgreSQL database dump\n\nCREATE TABLE a (b text);\nCOPY public.users (id, mail) FROM stdin;\n1\t${dice.pick(WORDS)}@x.com\n\\.\n`,
  ],
  [
    'password export',
    (dice) =>
      [
        'name,url,username,password',
        ...dice.many(3, 30, () => `${dice.pick(WORDS)},https://x.com,me,${dice.chars(12)}`),
      ].join('\n'),
  ],
];

/** Kinds that are a file of their own, and not a line in another. */
const WHOLE = new Set(['password export', 'Google account', 'JWK', 'dump']);

/** A secret as people leave it lying in a file of another purpose. */
function around(dice: Dice, kind: string, secret: string): [path: string, text: string] {
  if (WHOLE.has(kind)) return [dice.pick(['export.csv', 'data.json', 'export.txt', 'file1.txt']), secret];
  if (secret.includes('\n') || / /.test(secret)) {
    return dice.pick<() => [string, string]>([
      () => [`${dice.pick(WORDS)}.txt`, secret],
      () => [`${dice.pick(WORDS)} ${dice.pick(WORDS)}.txt`, `${paragraph(dice)}\n\n${secret}\n\n${paragraph(dice)}`],
      () => [`${dice.pick(WORDS)}.md`, `# ${sentence(dice)}\n\n\`\`\`\n${secret}\n\`\`\`\n`],
      () => [`${camel(dice)}.yaml`, `a: 1\nvalue: |\n${secret.replaceAll(/^/gm, '  ')}\nb: 2\n`],
      () => [`${camel(dice)}.ts`, `${script(dice)}\nconst it = \`${secret}\`;\n`],
    ])();
  }
  const name = CAPS(dice);
  return dice.pick<() => [string, string]>([
    () => [`${camel(dice)}.ts`, `${script(dice)}\nconst ${camel(dice)} = '${secret}';\n${script(dice)}`],
    () => [`${dice.pick(WORDS)}.py`, `${python(dice)}\n${name} = "${secret}"\n`],
    () => [`deploy.sh`, `set -e\nexport ${name}=${secret}\n./run\n`],
    () => [`${dice.pick(WORDS)}.yml`, `${dice.pick(WORDS)}:\n  ${dice.pick(WORDS)}: ${secret}\n`],
    () => [
      `${dice.pick(WORDS)}.json`,
      JSON.stringify({ [dice.pick(WORDS)]: { [camel(dice)]: secret }, id: uuid(dice) }),
    ],
    () => [`${dice.pick(WORDS)}.conf`, `[${dice.pick(WORDS)}]\n${dice.pick(WORDS)}=${secret}\n`],
    () => [`notes.txt`, `${prose(dice)}\n${dice.pick(WORDS)}: ${secret}\n${prose(dice)}`],
    () => [`${dice.pick(WORDS)}.log`, `${log(dice)}\n${date(dice)} using ${secret}\n${log(dice)}`],
    () => [`request.http`, `POST https://api.x.com/v1\nAuthorization: Bearer ${secret}\n\n{}`],
    () => [`${dice.pick(WORDS)}.md`, `${aboutKeys(dice)}\n\nOurs is \`${secret}\`.\n`],
  ])();
}

/** Names that say it, whatever is in them. */
const SECRET_NAMES = `.env .env.local .env.production prod.env id_rsa id_ed25519 id_ecdsa deploy_rsa server.key tls/privkey.pem
  www.key AuthKey_AB12.p8 putty.ppk cert.p12 client.pfx Passwords.kdbx upload.jks release.keystore login.keychain-db office.ovpn
  wallet.dat .electrum/wallets/default_wallet UTC--2023-05-01T10-11-12.345Z--00112233445566778899aabbccddeeff00112233
  .aws/credentials .npmrc .pypirc .netrc .git-credentials .pgpass .my.cnf .docker/config.json .kube/config
  .config/gh/hosts.yml client_secret_1234.apps.googleusercontent.com.json service-account.json application_default_credentials.json
  secrets.yml credentials.json .htpasswd wp-config.php passwords.csv Passwords.xlsx Default/Login Data firefox/key4.db logins.json
  cookies.sqlite Cookies cookies.txt terraform.tfstate terraform.tfstate.backup prod.tfvars dump.sql backup-2024-01-01.sql.gz
  production.dump shop.sql.gz db_backup.sqlite .bash_history .psql_history bitwarden_export_20240101.json seed-phrase.txt
  master.key secring.gpg ssh_host_ed25519_key kubeconfig`;

const secretNames = SECRET_NAMES.replaceAll(/Default\/Login Data/g, 'Default/Login_Data')
  .trim()
  .split(/\s+/)
  .map((name) => name.replace('Login_Data', 'Login Data'));

export function plantedFiles(dice: Dice, each: number): Sample[] {
  const byContent = SECRETS.flatMap(([kind, make]) =>
    Array.from({ length: each }, () => {
      const [path, text] = around(dice, kind, make(dice));
      return { kind, path: dice.pick(FOLDERS) + path, text };
    }),
  );
  const byName = secretNames.map((path) => ({
    kind: 'name',
    path: dice.pick(['', 'home/', 'backup/me/']) + path,
    text: `${hex(dice, 20)}\n`,
  }));
  return [...byContent, ...byName];
}
