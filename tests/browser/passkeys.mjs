// A member's devices, played by Chromium's virtual authenticators: passkeys with user verification, resident keys and PRF.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';

const DEVICE = {
  protocol: 'ctap2', ctap2Version: 'ctap2_1', transport: 'internal', hasResidentKey: true, hasUserVerification: true,
  isUserVerified: true, automaticPresenceSimulation: true, hasPrf: true,
};

export class Passkeys {
  /** Gives the reader's browser a device that can hold a passkey. */
  static async plugIn(reader) {
    const device = new Passkeys();
    Object.assign(device, { reader, page: reader.page, sent: [] });
    device.cdp = await reader.context.newCDPSession(reader.page);
    await device.cdp.send('WebAuthn.enable');
    device.id = await device.#another();
    // Everything that the browser sends is looked through for what must stay in it.
    reader.page.on('request', (request) => device.sent.push(`${request.url()} ${request.postData() ?? ''}`));
    reader.device = device;
    return device;
  }

  async #another(options = {}) {
    return (await this.cdp.send('WebAuthn.addVirtualAuthenticator', { options: { ...DEVICE, ...options } })).authenticatorId;
  }

  async add(name) {
    await this.reader.button('Thêm khóa truy cập').click();
    await this.page.getByLabel('Tên khóa').fill(name);
    await this.reader.look('passkeys-add-tablet');
    await this.#do('Thêm');
    await this.page.getByText(name, { exact: true }).waitFor();
  }

  async signOutAndIn() {
    // Nobody touches the device while the page is left, so the field's offer is not taken up by itself.
    await this.#present(false);
    await this.page.getByRole('button', { name: 'Đăng xuất' }).click();
    await this.page.getByText('Đã đăng xuất.').waitFor();
    await this.reader.look('sign-in-passkey-tablet');
    await this.#present(true);
    await this.reader.button('Đăng nhập bằng khóa truy cập').click();
    await this.page.getByRole('heading', { name: 'Cần tôi' }).waitFor();
    const me = await this.page.evaluate(async () => (await fetch('/api/session')).json());
    assert.deepEqual(me.factors, ['passkey']);
  }

  async unlockByPasskey() {
    await this.reader.button('Ký bằng khóa truy cập thay mã PIN').click();
    await this.page.getByLabel('Mã PIN hiện nay').fill(this.reader.account.pin);
    await this.reader.look('passkeys-switch-tablet');
    await this.#do('Đổi');
    await this.page.getByText('Khi ký, Ông/Bà dùng khóa truy cập.').waitFor();
  }

  async castBallot(vote, choice, shot = 'first') {
    await this.reader.goto(`/votes/${vote}`);
    await this.page.getByRole('radio', { name: choice, exact: true }).check();
    if (shot !== 'first') await this.page.getByRole('radio', { name: 'Không đồng ý', exact: true }).check();
    await this.page.getByRole('button', { name: /^Ký (lại )?phiếu biểu quyết$/ }).click();
    await this.page.getByText(/Bấm Ký, rồi xác nhận/).waitFor();
    assert.equal(await this.page.getByLabel('Mã PIN khóa ký').count(), 0, 'no PIN is asked for');
    await this.reader.look(`sign-passkey-${shot}-tablet`);
    await this.#do('Ký');
    await this.page.getByText('Biên nhận').first().waitFor();
  }

  /** The same session, with another way to unlock the key. */
  async refuses(vote, activation, code) {
    const answer = await this.page.evaluate(async ([vote, activation]) => {
      const headers = { 'content-type': 'application/json', 'idempotency-key': crypto.randomUUID() };
      const body = JSON.stringify({ choice: 'agree', activation });
      return (await fetch(`/api/votes/${vote}/ballots`, { method: 'POST', headers, body })).json();
    }, [vote, activation]);
    assert.equal(answer.code, code);
  }

  /** A spare on another device; then the first goes. */
  async addSpareAndRemoveFirst() {
    await this.reader.goto('/passkeys');
    await this.page.getByText(/Chỉ có một khóa truy cập/).waitFor();
    await this.page.getByRole('button', { name: /^Gỡ: / }).click();
    await this.#press('Gỡ');
    await this.page.getByRole('dialog').getByText(/Đây là khóa duy nhất/).waitFor();
    await this.reader.look('passkeys-last-tablet');
    await this.page.getByRole('dialog').getByRole('button', { name: 'Quay lại', exact: true }).click();
    await this.#present(false);
    const spare = await this.#another({ transport: 'hybrid' });
    await this.add('Khóa dự phòng');
    // First the spare is touched, then the device of before: one that is not asked would answer that it has no passkey.
    let n = 0;
    await this.page.route('**/unlock/challenge', async (route) => {
      n += 1;
      await this.#present(n === 1, spare);
      await this.#present(n === 2);
      await route.continue();
    });
    await this.page.getByRole('button', { name: /Dùng thêm “Khóa dự phòng”/ }).click();
    await this.#do('Đổi');
    await this.page.unroute('**/unlock/challenge');
    await this.#present(true, spare);
    await this.page.locator('li').filter({ hasText: 'Khóa dự phòng' }).getByText('Mở khóa ký').waitFor();
    await this.page.getByRole('button', { name: /^Gỡ: Máy tính bảng/ }).click();
    await this.#do('Gỡ');
    await this.page.getByText('Máy tính bảng ở cơ quan').waitFor({ state: 'hidden' });
    await this.cdp.send('WebAuthn.removeVirtualAuthenticator', { authenticatorId: this.id });
    this.id = spare;
  }

  /** A device that was emptied: what is said says what to do, and nothing is signed. */
  async failsWithoutIt(vote) {
    await this.cdp.send('WebAuthn.clearCredentials', { authenticatorId: this.id });
    await this.reader.goto(`/votes/${vote}`);
    await this.page.getByRole('radio', { name: 'Đồng ý', exact: true }).check();
    await this.page.getByRole('button', { name: /^Ký (lại )?phiếu biểu quyết$/ }).click();
    await this.page.getByText(/Bấm Ký, rồi xác nhận/).waitFor();
    await this.#press('Ký');
    await this.page.getByText(/Chưa xác nhận được bằng khóa truy cập/).waitFor();
    await this.reader.look('sign-passkey-lost-tablet');
  }

  async checkNothingSecretWasSent() {
    const posts = this.sent.filter((line) => line.includes('clientDataJSON'));
    assert.ok(posts.length >= 4, `${posts.length} answers were sent`);
    for (const line of posts) assert.ok(!line.includes('prf') && !line.includes('"first"'), 'no result of the PRF leaves the browser');
  }

  /** The ballots in the evidence verify, and a member's own log shows what his passkey confirmed. */
  async checkEvidence(vote) {
    const house = this.reader.house;
    const bundle = await this.page.evaluate(async (vote) => Array.from(new Uint8Array(await (await fetch(`/api/votes/${vote}/evidence`)).arrayBuffer())), vote);
    const file = path.join(house.root, 'evidence.bundle');
    fs.writeFileSync(file, Buffer.from(bundle));
    const verified = execFileSync(house.auditor, ['verify', file, '--trust', path.join(house.dir, 'trust'), '--json']).toString();
    assert.match(verified, /"verdict":\s*"verified"/, verified);
  }

  async #present(enabled, authenticatorId = this.id) {
    await this.cdp.send('WebAuthn.setAutomaticPresenceSimulation', { authenticatorId, enabled });
  }

  async #press(name) {
    await this.page.getByRole('dialog').getByRole('button', { name, exact: true }).click();
  }

  async #do(name) {
    await this.#press(name);
    await this.page.getByRole('dialog').waitFor({ state: 'hidden' });
  }
}
