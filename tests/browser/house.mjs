// The real binary in a folder of its own, and people who use it over HTTPS without a browser.
import { spawn } from 'node:child_process';
import crypto from 'node:crypto';
import fs from 'node:fs';
import https from 'node:https';
import os from 'node:os';
import path from 'node:path';
import readline from 'node:readline';

const READY_WITHIN_MS = 180_000;

export class House {
  static async start() {
    const house = new House();
    house.root = fs.mkdtempSync(path.join(os.tmpdir(), 'ecabinet-browser-'));
    house.dir = path.join(house.root, 'demo');
    const target = process.env.CARGO_TARGET_DIR ?? path.join(os.homedir(), '.cache/ecabinet/target');
    const program = process.env.ECABINET_PROGRAM ?? path.join(target, 'debug/ecabinet');
    house.auditor = path.join(path.dirname(program), 'ecabinet-audit');
    const log = fs.openSync(path.join(house.root, 'log.jsonl'), 'a');
    house.process = spawn(program, ['demo', '--listen', '127.0.0.1:0', '--dir', house.dir], { stdio: ['ignore', 'pipe', log] });
    await new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('not ready in time: ' + house.log())), READY_WITHIN_MS);
      readline.createInterface({ input: house.process.stdout }).on('line', (line) => {
        if (line === 'ready') { clearTimeout(timer); resolve(); }
      });
      house.process.on('exit', () => reject(new Error('it stopped: ' + house.log())));
    });
    house.addresses = JSON.parse(fs.readFileSync(path.join(house.dir, 'addresses.json')));
    house.accounts = JSON.parse(fs.readFileSync(path.join(house.dir, 'accounts.json')));
    return house;
  }

  log() { return fs.readFileSync(path.join(this.root, 'log.jsonl'), 'utf8').slice(-4_000); }

  account(username) {
    const found = this.accounts.find((account) => account.username === username);
    if (!found) throw new Error(`no account ${username}`);
    return found;
  }

  stop() {
    this.process.removeAllListeners('exit');
    this.process.kill('SIGKILL');
    fs.rmSync(this.root, { recursive: true, force: true });
  }
}

/** SHA-256 of the server's public key, as Chromium takes it. */
export function spki(house) {
  const [pem] = fs.readFileSync(path.join(house.dir, 'tls', 'server.pem'), 'utf8').match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/);
  const der = new crypto.X509Certificate(pem).publicKey.export({ type: 'spki', format: 'der' });
  return crypto.createHash('sha256').update(der).digest('base64');
}

/** The one-time code of now (RFC 6238). */
export function totp(secret) {
  const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  const bits = [...secret].map((letter) => letters.indexOf(letter).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const mac = crypto.createHmac('sha1', key).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

export class Person {
  constructor(house, username) {
    this.account = house.account(username);
    this.origin = house.addresses.public;
    this.agent = new https.Agent({ ca: fs.readFileSync(house.addresses.tls_ca), keepAlive: true });
  }

  async signIn() {
    const { username, password } = this.account;
    await this.expect(200, 'POST', '/api/session', { username, password });
    await this.expect(200, 'POST', '/api/session/totp', { code: totp(this.account.totp_secret) });
    return this;
  }

  async expect(status, method, where, body, headers = {}) {
    const answer = await this.send(method, where, body, headers);
    if (answer.status !== status) throw new Error(`${method} ${where}: ${answer.status} ${answer.text}`);
    return answer.text ? JSON.parse(answer.text) : null;
  }

  send(method, where, body, headers = {}) {
    return new Promise((resolve, reject) => {
      const request = https.request(this.origin + where, {
        method,
        agent: this.agent,
        headers: { origin: this.origin, 'content-type': 'application/json', ...(this.cookie ? { cookie: this.cookie } : {}), ...headers },
      }, (response) => {
        for (const cookie of response.headers['set-cookie'] ?? []) {
          const pair = cookie.split(';')[0];
          if (!pair.endsWith('=')) this.cookie = pair;
        }
        const chunks = [];
        response.on('data', (chunk) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(chunks).toString() }));
      });
      request.on('error', reject);
      request.end(body === undefined ? undefined : JSON.stringify(body));
    });
  }

  cast(vote, choice) {
    const body = { choice, activation: { pin: this.account.pin } };
    return this.expect(201, 'POST', `/api/votes/${vote}/ballots`, body, { 'idempotency-key': crypto.randomUUID() });
  }
}
