/** The sentences in the reader's language: Vietnamese unless he chose otherwise on this device. */
import type { Problem } from '../api/problem';
import { en } from './en';
import { vi, type Messages } from './vi';
import { asClock, asDate, fromIso, fromMillis, sameDay, type Civil } from '../time';

const KEPT = 'language';

export const language: 'vi' | 'en' = kept() === 'en' ? 'en' : 'vi';
export const t: Messages = language === 'en' ? en : vi;

/** Takes effect by loading the page anew: a language is chosen once, not switched in the middle of a vote. */
export function switchLanguage(): void {
  localStorage.setItem(KEPT, language === 'vi' ? 'en' : 'vi');
  location.reload();
}

export function sentence(problem: Problem): string {
  return t.problems[problem.code](problem);
}

export function weekday(civil: Civil): string {
  return t.common.weekdays[civil.weekday] ?? '';
}

/** `08:00, thứ Tư, ngày 24/06/2026` */
export function longTime(iso: string): string {
  const civil = fromIso(iso);
  return civil === null ? iso : t.common.dateTime(asClock(civil), weekday(civil), asDate(civil));
}

/** `08:00 ngày 24/06/2026`, or `08:00 hôm nay`. */
export function shortTime(iso: string): string {
  const civil = fromIso(iso);
  if (civil === null) return iso;
  return sameDay(civil, fromMillis(Date.now())) ? t.common.today(asClock(civil)) : t.common.clockAndDate(asClock(civil), asDate(civil));
}

/** `08:00:05` alone: where the day is plain from what stands around. */
export function clockTime(iso: string): string {
  const civil = fromIso(iso);
  return civil === null ? iso : `${asClock(civil)}:${seconds(iso)}`;
}

/** `08:00:05` with the date: for receipts and the log. */
export function exactTime(iso: string): string {
  const civil = fromIso(iso);
  if (civil === null) return iso;
  return t.common.clockAndDate(`${asClock(civil)}:${seconds(iso)}`, asDate(civil));
}

function seconds(iso: string): string {
  return new Date(Date.parse(iso)).getUTCSeconds().toString().padStart(2, '0');
}

export function dateOnly(iso: string): string {
  const civil = fromIso(/^\d{4}-\d{2}-\d{2}$/.test(iso) ? `${iso}T00:00:00+07:00` : iso);
  return civil === null ? iso : asDate(civil);
}

export function documentKind(kind: string): string {
  return (t.documentKind as Record<string, string>)[kind] ?? t.documentKind.other;
}

/** What an entry of the log says was done; a kind newer than this client shows its own name. */
export function entryKind(kind: string): string {
  return (t.entryKind as Record<string, string>)[kind] ?? kind;
}

/** The first and last figures of a digest, enough to compare by eye. */
export function shortDigest(digest: string): string {
  return digest.length > 20 ? `${digest.slice(0, 8)}…${digest.slice(-8)}` : digest;
}

export function fileSize(bytes: number): string {
  const format = new Intl.NumberFormat(language === 'vi' ? 'vi-VN' : 'en-GB', { maximumFractionDigits: 1 });
  return bytes < 1024 * 1024 ? t.upload.size(format.format(Math.max(1, Math.round(bytes / 1024)))) : t.upload.sizeMb(format.format(bytes / 1024 / 1024));
}

function kept(): string | null {
  try {
    return localStorage.getItem(KEPT);
  } catch {
    return null;
  }
}
