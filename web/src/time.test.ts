import { describe, expect, test } from 'vitest';
import { asTyped, fromIso, parseTyped, toIso } from './time';

describe('civil time in Vietnam', () => {
  test('typed = stored = shown, for every hour of two years', () => {
    for (let millis = Date.UTC(2027, 0, 1); millis < Date.UTC(2029, 0, 1); millis += 61 * 60 * 1000) {
      const shown = asTyped(fromIso(new Date(millis).toISOString())!);
      const stored = toIso(parseTyped(shown)!);
      expect(asTyped(fromIso(stored)!)).toBe(shown);
      expect(Math.floor(millis / 60_000) * 60_000).toBe(Date.parse(stored));
    }
  });

  test('the weekday is echoed', () => {
    expect(parseTyped('24/06/2019 08:00')?.weekday).toBe(1);
    expect(parseTyped('29/02/2028 23:59')?.weekday).toBe(2);
  });

  test('what people also type is understood', () => {
    for (const typed of ['5/3/2026 8:05', '05.03.2026 08h05', ' 05-03-2026, 08:05 ', '05/03/2026 8 giờ 05']) {
      expect(asTyped(parseTyped(typed)!)).toBe('05/03/2026 08:05');
    }
  });

  test('a time that does not exist is refused', () => {
    for (const typed of ['31/02/2026 08:00', '29/02/2027 08:00', '01/13/2026 08:00', '01/01/2026 24:00', '01/01/2026 08:60', '01/01/26 08:00', '2026-01-01 08:00', '']) {
      expect(parseTyped(typed)).toBeNull();
    }
  });

  test('an instant of another zone is shown in Vietnam', () => {
    expect(asTyped(fromIso('2026-06-07T20:30:00Z')!)).toBe('08/06/2026 03:30');
  });
});
