/** Why the appliance said no (RFC 9457), with the closed list of codes that the client has a sentence for. */

export const CODES = [
  // sign-in and sessions
  'sign-in-failed', 'too-many-tries', 'code-already-used', 'not-signed-in', 'sign-in-again', 'two-factors-required', 'foreign-origin', 'card-needed',
  // permission
  'forbidden', 'not-permitted', 'policy-error', 'not-now', 'not-found', 'changed-meanwhile',
  // the rules of meetings
  'agenda-empty', 'duplicate-on-roll', 'meeting-state', 'meeting-not-invited', 'meeting-not-in-session', 'meeting-ended', 'vote-open', 'not-a-member', 'prime-minister-missing', 'quorum-not-reached',
  'roll-empty', 'unsuitable-person', 'unknown-item', 'in-two-places', 'too-many-items', 'bad-time',
  'not-on-roll', 'vote-closed', 'vote-exists', 'statement-stale', 'comment-needed', 'not-adopted', 'resolution-state', 'resolution-exists',
  'resolution-not-signed', 'resolution-already-signed', 'resolution-already-sealed',
  // papers
  'secrecy-marked', 'not-a-pdf', 'pdf-encrypted', 'pdf-unreadable', 'format-not-judged', 'too-many-pages', 'too-large', 'not-typeset',
  // signing
  'pin-incorrect', 'pin-locked', 'pin-malformed', 'no-signing-key', 'token-unavailable', 'clock-went-back',
  'signs-by-card', 'no-signing-card', 'nothing-prepared', 'signature-invalid', 'card-certificate-invalid',
  'not-properly-signed', 'no-signature-image', 'no-seal-image',
  'idempotency-key-missing', 'idempotency-key-reused', 'key-suspended', 'key-quota-reached', 'certificate-revoked',
  'level-unavailable', 'timestamp-unavailable', 'status-unavailable', 'batch-expired', 'document-settled', 'not-the-authorised-document', 'bad-list',
  // passkeys
  'passkey-challenge-gone', 'passkey-missing', 'passkey-not-added', 'passkey-refused', 'passkey-required', 'passkey-unlocks-signing', 'pin-form',
  'unlock-changed', 'unlock-in-doubt',
  // the world
  'malformed-request', 'store-unavailable', 'parser-unavailable', 'overloaded', 'timeout', 'internal',
  // made by the client itself
  'no-connection', 'digest-mismatch', 'passkey-cancelled', 'passkey-no-prf', 'unknown',
] as const;

export type Code = (typeof CODES)[number];

export class Problem extends Error {
  override name = 'Problem';

  constructor(
    readonly code: Code,
    /** HTTP status; 0 when no answer came. */
    readonly status: number,
    readonly extra: { tries_left?: number; retry_after_s?: number; request?: string; raw_code?: string } = {},
  ) {
    super(`${status} ${extra.raw_code ?? code}`);
  }

  /**
   * Whether the act may have been done although no good answer came: then the same key must be used again. Of two
   * tries under one key that race, the later is told `changed-meanwhile` and finds the answer when it repeats.
   */
  get undecided(): boolean {
    return this.status === 0 || this.status >= 500 || this.code === 'changed-meanwhile';
  }

  /** Reads an answer that is not a success; never throws, whatever the body holds. */
  static async of(response: Response): Promise<Problem> {
    let body: unknown = null;
    try {
      body = await response.json();
    } catch {
      // Not JSON: a proxy or a crash answered. The status must do.
    }
    return Problem.from(response.status, body, response.headers.get('Retry-After'), response.headers.get('X-Request-Id'));
  }

  static from(status: number, body: unknown, retryAfter: string | null, request: string | null = null): Problem {
    const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
    const raw = typeof fields['code'] === 'string' ? fields['code'] : '';
    const extra: Problem['extra'] = {};
    if (typeof fields['tries_left'] === 'number') extra.tries_left = fields['tries_left'];
    // Only a fault of the appliance is looked up by its number; elsewhere it would puzzle.
    if (request !== null && status >= 500) extra.request = request;
    if (retryAfter !== null && /^\d+$/.test(retryAfter)) extra.retry_after_s = Number(retryAfter);
    if (raw !== '') extra.raw_code = raw;
    return new Problem(isCode(raw) ? raw : byStatus(status), status, extra);
  }
}

export function isCode(text: string): text is Code {
  return (CODES as readonly string[]).includes(text);
}

/** Anything thrown, as a problem that a screen can show. */
export function asProblem(thrown: unknown): Problem {
  return thrown instanceof Problem ? thrown : new Problem('unknown', 0);
}

function byStatus(status: number): Code {
  switch (status) {
    case 400: case 415: case 422: return 'malformed-request';
    case 401: return 'not-signed-in';
    case 403: return 'forbidden';
    case 404: case 410: return 'not-found';
    case 409: case 412: return 'changed-meanwhile';
    case 413: return 'too-large';
    case 429: return 'too-many-tries';
    case 408: case 504: return 'timeout';
    case 502: case 503: return 'overloaded';
    default: return status >= 500 ? 'internal' : 'unknown';
  }
}
