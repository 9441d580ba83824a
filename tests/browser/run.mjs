// One Government session in the browser: two members vote there (one on a phone), the chair, the secretary and the
// clerk take their steps, and everybody else uses the API. Ends with a line `N passed, N failed`.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import os from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { House, Person, spki, totp } from './house.mjs';
import { Passkeys } from './passkeys.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const require = createRequire(path.join(here, '../../web/package.json'));
const { chromium } = require('playwright-core');
const { AxeBuilder } = require('@axe-core/playwright');

const data = process.env.ECABINET_DATA ?? path.join(here, '../../../shared/data');
const shots = process.env.ECABINET_SHOTS;
const PHONE = { width: 390, height: 844 };
const TABLET = { width: 820, height: 1180 };
const DESK = { width: 1280, height: 900 };

const house = await House.start();
const browser = await chromium.launch({
  executablePath: '/usr/bin/chromium',
  // The demonstration's certificate is taken for a good one: with certificate errors, browsers do without passkeys.
  args: [`--ignore-certificate-errors-spki-list=${spki(house)}`, '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
});
let passed = 0;
let failed = 0;
const faults = [];

/** A person in a browser of his own; every policy violation and console error is a fault. */
class Reader {
  static async open(username, viewport) {
    const reader = new Reader();
    reader.account = house.account(username);
    reader.house = house;
    reader.context = await browser.newContext({ viewport, ignoreHTTPSErrors: true, locale: 'vi-VN', timezoneId: 'Asia/Ho_Chi_Minh' });
    reader.page = await reader.context.newPage();
    reader.page.setDefaultTimeout(20_000);
    reader.page.on('pageerror', (error) => faults.push(`${username}: ${error.message}`));
    // A refused request is logged by the browser as an error, though the client handles it.
    reader.page.on('console', (message) => {
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) faults.push(`${username}: ${message.text()}`);
    });
    await reader.page.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) => console.error('CSP: ' + event.violatedDirective));
    });
    return reader;
  }

  async signIn() {
    const { page } = this;
    await page.goto(house.addresses.public + '/');
    await page.getByLabel('Tên đăng nhập').fill(this.account.username);
    await page.getByLabel('Mật khẩu').fill(this.account.password);
    await page.getByRole('button', { name: 'Tiếp tục' }).click();
    await page.getByLabel('Mã xác thực').fill(totp(this.account.totp_secret));
    await page.getByRole('button', { name: 'Đăng nhập' }).click();
    await page.getByRole('heading', { name: 'Cần tôi' }).waitFor();
    return this;
  }

  goto(where) { return this.page.goto(house.addresses.public + where); }

  button(name) { return this.page.getByRole('button', { name, exact: true }); }

  async enterPin(act) {
    await this.page.getByLabel('Mã PIN khóa ký').fill(this.account.pin);
    await this.page.getByRole('dialog').getByRole('button', { name: act, exact: true }).click();
  }

  /** Keeps a picture, and holds the screen against WCAG 2.2 AA. */
  async look(name) {
    if (shots) await this.page.screenshot({ path: path.join(shots, `${name}.png`), fullPage: true });
    const { violations } = await new AxeBuilder({ page: this.page }).withTags(['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa']).analyze();
    const found = violations.map((one) => `${one.id}: ${one.nodes.map((node) => node.target.join(' ')).join(', ')}`);
    assert.deepEqual(found, [], `axe on ${name}`);
    const over = await this.page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
    assert.ok(over <= 0, `${name} is ${over} px too wide`);
  }
}

async function test(name, run) {
  const before = faults.length;
  try {
    await run();
    assert.deepEqual(faults.slice(before), [], 'no policy violation, no console error');
    passed += 1;
    console.log(`ok ${name}`);
  } catch (error) {
    failed += 1;
    if (shots) for (const [n, context] of browser.contexts().entries()) for (const page of context.pages()) await page.screenshot({ path: path.join(shots, `failed-${failed}-${n}.png`) }).catch(() => {});
    console.log(`not ok ${name}\n${error.stack}`);
  }
}

const meeting = house.addresses.meeting;
const at = `/meetings/${meeting}`;
let secretary, chair, clerk, tablet, phone, holder, vote, resolution;

try {
  await test('everybody signs in with password and code', async () => {
    secretary = await Reader.open('thuky', DESK);
    await secretary.goto('/');
    await secretary.page.getByLabel('Tên đăng nhập').waitFor();
    await secretary.look('sign-in-desk');
    await secretary.signIn();
    chair = await (await Reader.open('thutuong', TABLET)).signIn();
    tablet = await (await Reader.open('bt04', TABLET)).signIn();
    phone = await (await Reader.open('bt21', PHONE)).signIn();
    await phone.look('home-phone');
    await tablet.look('home-tablet');
  });

  await test('the secretary uploads a real paper and takes the attendance', async () => {
    await secretary.goto(at);
    const { page } = secretary;
    await page.getByRole('heading', { name: 'Chương trình phiên họp' }).waitFor();
    await secretary.look('meeting-secretary-desk');
    await page.getByRole('button', { name: /Tải tài liệu/ }).first().click();
    await page.locator('input[type=file]').setInputFiles(path.join(data, 'vn-pdf/an_le_so_432021AL.pdf'));
    await page.getByLabel('Tên tài liệu').fill('Án lệ số 43/2021/AL');
    await page.getByRole('dialog').getByRole('button', { name: 'Tải lên', exact: true }).click();
    await page.getByRole('link', { name: /Án lệ số 43/ }).waitFor();
    await secretary.button('Điểm danh').click();
    await page.getByRole('button', { name: 'Tất cả có mặt tại phòng họp' }).click();
    await secretary.look('attendance-desk');
    await page.getByRole('dialog').getByRole('button', { name: 'Lưu', exact: true }).click();
    await page.getByRole('dialog').waitFor({ state: 'hidden' });
  });

  await test('the chair opens the session and the vote', async () => {
    await chair.goto(at);
    await chair.button('Khai mạc phiên họp').click();
    await chair.page.getByRole('dialog').getByRole('button', { name: 'Khai mạc phiên họp' }).click();
    await chair.page.getByText('Đang họp').first().waitFor();
    await chair.look('meeting-chair-tablet');
    await chair.button('Mở biểu quyết').first().click();
    await chair.page.getByRole('dialog').getByRole('button', { name: 'Mở biểu quyết' }).click();
    await chair.page.waitForURL(/\/votes\//);
    const person = await new Person(house, 'bt10').signIn();
    const view = await person.expect(200, 'GET', `/api/meetings/${meeting}`);
    vote = view.items[0].votes[0].id;
  });

  await test('a member adds a passkey, names it, signs out and comes back by it', async () => {
    holder = await (await Reader.open('bt05', TABLET)).signIn();
    const device = await Passkeys.plugIn(holder);
    await holder.page.getByRole('link', { name: 'Khóa truy cập' }).click();
    await holder.page.getByText('Ông/Bà chưa có khóa truy cập nào.').waitFor();
    await holder.look('passkeys-none-tablet');
    await device.add('Máy tính bảng ở cơ quan');
    await holder.look('passkeys-one-tablet');
    await device.signOutAndIn();
    await holder.goto('/passkeys');
    await holder.page.getByText(/Dùng lần cuối/).waitFor();
  });

  await test('his passkey takes the place of his PIN, and signs his ballot', async () => {
    const device = holder.device;
    await device.unlockByPasskey();
    await holder.look('passkeys-unlock-tablet');
    await device.castBallot(vote, 'Đồng ý');
    await device.refuses(vote, { pin: holder.account.pin }, 'passkey-required');
    await device.checkNothingSecretWasSent();
  });

  await test('a second passkey unlocks too, the first may go, and without any the key stays shut', async () => {
    await holder.device.addSpareAndRemoveFirst();
    await holder.look('passkeys-spare-tablet');
    await holder.device.castBallot(vote, 'Đồng ý', 'again');
    await holder.device.failsWithoutIt(vote);
  });

  await test('a member reads a paper: its first page and its words', async () => {
    await tablet.goto(at);
    const started = Date.now();
    await tablet.page.getByRole('link', { name: /Án lệ số 43/ }).click();
    await tablet.page.locator('[data-page="1"] img.drawn').waitFor();
    console.log(`# first page after ${Date.now() - started} ms`);
    await tablet.page.locator('[data-page="1"] .words span').nth(40).waitFor();
    const text = await tablet.page.locator('[data-page="1"] .words').innerText();
    assert.match(text.replace(/\s+/g, ' '), /ÁN LỆ SỐ/);
    await tablet.look('reader-tablet');
    await phone.goto(at);
    await phone.look('meeting-phone');
    await phone.page.getByRole('link', { name: /Tờ trình/ }).first().click();
    await phone.page.locator('[data-page="1"] img.drawn').waitFor();
    await phone.look('reader-phone');
  });

  await test('two members vote, one on a phone; one changes his mind; the rest vote elsewhere', async () => {
    for (const [reader, choice, size] of [[tablet, 'Không đồng ý', 'tablet'], [phone, 'Đồng ý', 'phone'], [tablet, 'Đồng ý', 'tablet-again']]) {
      await reader.goto(`/votes/${vote}`);
      await reader.page.getByRole('radio', { name: choice, exact: true }).check();
      await reader.look(`vote-${size}`);
      await reader.page.getByRole('button', { name: /^Ký (lại )?phiếu biểu quyết$/ }).click();
      await reader.page.getByLabel('Mã PIN khóa ký').waitFor();
      await reader.look(`sign-${size}`);
      await reader.enterPin('Ký');
      await reader.page.getByText('Biên nhận').first().waitFor();
      await reader.page.getByRole('dialog').waitFor({ state: 'hidden' });
      await reader.look(`receipt-${size}`);
    }
    const others = house.accounts.filter(({ role, username }) => ['member', 'chairman_of_office'].includes(role) && !['bt04', 'bt05', 'bt21', 'bt24', 'bt25'].includes(username));
    for (const { username } of others.slice(0, 21)) {
      const person = await new Person(house, username).signIn().catch(async (error) => {
        // bt10 used this half-minute's code already.
        if (!/code-already-used/.test(error.message)) throw error;
        await new Promise((resolve) => setTimeout(resolve, 30_000 - (Date.now() % 30_000)));
        return new Person(house, username).signIn();
      });
      await person.cast(vote, 'agree');
    }
    await tablet.page.getByText(/24\s*\/\s*27/).first().waitFor();
    assert.equal(await tablet.page.getByText('Được thông qua').count(), 0, 'no result before the close');
  });

  await test('the chair closes the vote, and the result comes by itself', async () => {
    await chair.goto(`/votes/${vote}`);
    await chair.button('Đóng biểu quyết').click();
    await chair.page.getByRole('dialog').getByRole('button', { name: 'Đóng biểu quyết' }).click();
    for (const reader of [chair, tablet, phone]) {
      await reader.page.getByRole('heading', { name: 'Được thông qua' }).waitFor();
      await reader.page.getByText(/cần ít nhất 14\/27 phiếu đồng ý/).waitFor();
    }
    await tablet.look('result-tablet');
    await holder.device.checkEvidence(vote);
    await phone.look('result-phone');
  });

  await test('the secretary drafts the Resolution, the Prime Minister signs, the clerk seals', async () => {
    await secretary.goto(`/votes/${vote}`);
    await secretary.button('Soạn dự thảo Nghị quyết').click();
    await secretary.look('draft-desk');
    await secretary.page.getByRole('dialog').getByRole('button', { name: 'Lập dự thảo' }).click();
    await secretary.page.waitForURL(/\/resolutions\//);
    resolution = new URL(secretary.page.url()).pathname;
    await chair.goto(resolution);
    await chair.page.locator('[data-page="1"] img.drawn').waitFor();
    await chair.look('resolution-draft-tablet');
    await chair.button('Ký Nghị quyết').click();
    await chair.enterPin('Ký');
    await chair.page.getByText('Thủ tướng đã ký').first().waitFor();
    await chair.page.getByRole('dialog').waitFor({ state: 'hidden' });
    clerk = await (await Reader.open('vanthu', DESK)).signIn();
    await clerk.look('home-clerk-desk');
    await clerk.page.getByRole('link', { name: /^Xem và đóng dấu/ }).click();
    await clerk.button('Cấp số và đóng dấu').click();
    await clerk.enterPin('Cấp số và đóng dấu');
    await clerk.page.getByText('01/NQ-CP').first().waitFor();
    await clerk.page.getByRole('dialog').waitFor({ state: 'hidden' });
    await clerk.page.locator('[data-page="1"] img.drawn').waitFor();
    await clerk.look('resolution-sealed-desk');
  });

  await test('a member opens the Resolution on his phone and finds it without diacritics', async () => {
    await phone.goto(resolution);
    await phone.page.locator('[data-page="1"] img.drawn').waitFor();
    await phone.page.getByText('01/NQ-CP').first().waitFor();
    await phone.look('resolution-phone');
    await tablet.goto('/search?q=dinh+danh');
    await tablet.page.locator('mark').first().waitFor();
    await tablet.look('search-tablet');
  });

  await test('the clerk reviews a list, permits it once, and takes the signed documents home', async () => {
    const { page } = clerk;
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'ecabinet-list-'));
    const place = (name) => path.join(folder, name);
    fs.copyFileSync(path.join(data, 'vn-pdf/an_le_so_432021AL.pdf'), place('Án lệ 43.pdf'));
    fs.copyFileSync(path.join(data, 'vn-pdf/an_le_so_432021AL.pdf'), place('Bản sao.pdf'));
    fs.copyFileSync(path.join(data, 'vn-pdf/an_le_so_552022AL.pdf'), place('Án lệ 55.pdf'));
    fs.writeFileSync(place('Hỏng.pdf'), '%PDF-1.7 and nothing else');
    fs.writeFileSync(place('Ghi chú.txt'), 'no PDF');
    await page.getByRole('link', { name: 'Ký danh sách' }).click();
    await page.getByText('Danh sách chưa có văn bản nào.').waitFor();
    await clerk.look('lists-empty-desk');
    await page.locator('input[type=file]').setInputFiles(['Án lệ 43.pdf', 'Hỏng.pdf', 'Án lệ 55.pdf', 'Bản sao.pdf', 'Ghi chú.txt'].map(place));
    await page.getByText('Bản sao.pdf: đã có trong danh sách.').waitFor();
    await page.getByText('Ghi chú.txt: không phải tệp PDF.').waitFor();
    await clerk.look('lists-chosen-desk');
    await clerk.button('Ký 3 văn bản').click();
    await page.getByRole('dialog').getByText('mã băm khớp với nguyên văn').waitFor();
    await clerk.look('lists-permit-desk');
    await clerk.enterPin('Ký 3 văn bản');
    await page.getByText('Đã ký 2 trên 3 văn bản.').first().waitFor();
    await clerk.look('lists-done-desk');
    const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('link', { name: 'Tải về Án lệ 43.pdf' }).click()]);
    assert.equal(download.suggestedFilename(), 'Án lệ 43-da-ky.pdf');
    await download.saveAs(place('signed.pdf'));
    assert.match(execFileSync('pdfsig', ['-nocert', place('signed.pdf')], { encoding: 'utf8' }), /Signature is Valid/);
    await page.getByRole('link', { name: 'Phiên họp' }).click();
    await page.getByRole('link', { name: 'Ký danh sách' }).click();
    await page.getByText('Đã ký 2 trên 3 văn bản.').first().waitFor();
    await clerk.button('Lập lại danh sách với văn bản chưa ký').click();
    await page.getByText('Hỏng.pdf').waitFor();
    await clerk.page.setViewportSize(PHONE);
    await clerk.look('lists-phone');
    fs.rmSync(folder, { recursive: true });
  });

  await test('the auditor reads the log; a stranger sees no meeting', async () => {
    const auditor = await Reader.open('kiemtoan', DESK);
    await auditor.goto('/audit');
    await auditor.page.getByLabel('Tên đăng nhập').fill(auditor.account.username);
    await auditor.page.getByLabel('Mật khẩu').fill(auditor.account.password);
    await auditor.page.getByRole('button', { name: 'Tiếp tục' }).click();
    await auditor.page.getByLabel('Mã xác thực').fill(totp(auditor.account.totp_secret));
    await auditor.page.getByRole('button', { name: 'Đăng nhập' }).click();
    await auditor.page.getByRole('heading', { name: 'Nhật ký hệ thống' }).waitFor();
    await auditor.page.locator('tbody tr').nth(10).waitFor();
    await auditor.look('audit-desk');
    await auditor.goto(at);
    await auditor.page.getByRole('heading', { level: 1 }).waitFor();
    assert.equal(await auditor.page.getByText('định danh').count(), 0);
  });
} finally {
  await browser.close();
  if (failed > 0) console.log(house.log());
  house.stop();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
