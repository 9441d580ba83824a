import { describe, expect, test } from 'vitest';
import type { Passkey } from './api/types';
import { bytes, drawPin, text, unwrapPin, wrapPin } from './passkeys';

const person = '6f1c0b0e-8a55-4d0e-9d0e-5d3f3f6c1a11';
const secret = Uint8Array.from({ length: 32 }, (_, n) => n).buffer;
const passkey: Passkey = {
  id: 'a', name: 'TEST', is_synced: false, added_at: '', used_at: null, credential: text(new Uint8Array(32).fill(7).buffer), salt: text(new Uint8Array(32).fill(9).buffer), wrap: null,
};

describe('the long PIN and its wrap', () => {
  test('a PIN has 256 bits in 43 letters and is never drawn twice', () => {
    const pins = new Set(Array.from({ length: 100 }, drawPin));
    expect(pins.size).toBe(100);
    for (const pin of pins) expect([pin.length, bytes(pin).length]).toEqual([43, 32]);
  });

  test('what was wrapped opens with the same secret, person and passkey only', async () => {
    const pin = drawPin();
    const wrap = await wrapPin({ passkey, secret }, person, pin);
    expect(bytes(wrap).length).toBe(72);
    expect(await wrapPin({ passkey, secret }, person, pin)).not.toBe(wrap);
    const kept = { ...passkey, wrap };
    expect(await unwrapPin({ passkey: kept, secret }, person)).toBe(pin);
    const other = text(new Uint8Array(32).buffer);
    const changed = bytes(wrap);
    changed[40]! ^= 1;
    for (const [wrong, opened] of [
      ['secret', () => unwrapPin({ passkey: kept, secret: new Uint8Array(32).buffer }, person)],
      ['person', () => unwrapPin({ passkey: kept, secret }, person.replace('6', '7'))],
      ['passkey', () => unwrapPin({ passkey: { ...kept, credential: other }, secret }, person)],
      ['salt', () => unwrapPin({ passkey: { ...kept, salt: other }, secret }, person)],
      ['bit', () => unwrapPin({ passkey: { ...kept, wrap: text(changed.buffer) }, secret }, person)],
      ['nothing', () => unwrapPin({ passkey, secret }, person)],
    ] as const) {
      await expect(opened(), wrong).rejects.toMatchObject({ code: 'passkey-no-prf' });
    }
  });
});
