/**
 * Civil time in Vietnam (Asia/Ho_Chi_Minh: +07:00, no summer time), as people write it: dd/mm/yyyy HH:MM.
 * Whatever zone the tablet thinks it is in plays no part.
 */

const OFFSET_MS = 7 * 60 * 60 * 1000;

/** A civil time to the minute; `weekday` 0 is Sunday. */
export interface Civil {
  year: number;
  month: number;
  day: number;
  hour: number;
  minute: number;
  weekday: number;
}

/** Reads what was typed; `null` if no such minute exists. */
export function parseTyped(typed: string): Civil | null {
  const parts = /^(\d{1,2})[/.-](\d{1,2})[/.-](\d{4})[\s,]+(\d{1,2})\s*(?:[:hg]|giờ)\s*(\d{2})$/i.exec(typed.normalize('NFC').trim());
  if (parts === null) return null;
  const [day, month, year, hour, minute] = parts.slice(1).map(Number) as [number, number, number, number, number];
  const civil = fromMillis(Date.UTC(year, month - 1, day, hour, minute) - OFFSET_MS);
  const exists = civil.day === day && civil.month === month && civil.year === year && civil.hour === hour && civil.minute === minute;
  return exists && year >= 1945 ? civil : null;
}

/** The instant as the interface writes it: `2026-06-07T16:05:00+07:00`. */
export function toIso(civil: Civil): string {
  return `${civil.year.toString().padStart(4, '0')}-${two(civil.month)}-${two(civil.day)}T${two(civil.hour)}:${two(civil.minute)}:00+07:00`;
}

/** The civil time of an ISO 8601 instant; `null` if the text is none. */
export function fromIso(iso: string): Civil | null {
  const millis = Date.parse(iso);
  return Number.isNaN(millis) ? null : fromMillis(millis);
}

export function fromMillis(millis: number): Civil {
  const shifted = new Date(millis + OFFSET_MS);
  return {
    year: shifted.getUTCFullYear(),
    month: shifted.getUTCMonth() + 1,
    day: shifted.getUTCDate(),
    hour: shifted.getUTCHours(),
    minute: shifted.getUTCMinutes(),
    weekday: shifted.getUTCDay(),
  };
}

/** `07/06/2026 16:05`, the same form that is typed. */
export function asTyped(civil: Civil): string {
  return `${asDate(civil)} ${asClock(civil)}`;
}

export function asDate(civil: Civil): string {
  return `${two(civil.day)}/${two(civil.month)}/${civil.year}`;
}

export function asClock(civil: Civil): string {
  return `${two(civil.hour)}:${two(civil.minute)}`;
}

export function sameDay(a: Civil, b: Civil): boolean {
  return a.day === b.day && a.month === b.month && a.year === b.year;
}

function two(n: number): string {
  return n.toString().padStart(2, '0');
}
