/**
 * Passkeys in the browser: making one, signing in by one, and what its PRF keeps secret.
 *
 * The PRF's output never leaves this file: answers are put together by hand, because `toJSON` would send it along.
 * Form of a wrap: version 1, vector of 12 bytes, then AES-256-GCM of the PIN under HKDF-SHA-256 of the output.
 */
import { Problem } from './api/problem';
import type { Passkey, PasskeyChallenge } from './api/types';

/** 256 bits; the appliance takes nothing shorter for a PIN that a passkey keeps. */
const LONG_PIN_BYTES = 32;
const VERSION = 1;
const VECTOR_BYTES = 12;
const PURPOSE = 'e-Cabinet signing PIN 1';

/** A passkey's answer as the appliance takes it. */
export type Answer = Readonly<Record<string, unknown>>;

/** An answer, and what only this browser learned with it. */
export interface Confirmed {
  answer: Answer;
  passkey: Passkey;
  secret: ArrayBuffer;
}

export function supported(): boolean {
  return typeof PublicKeyCredential === 'function';
}

/** Whether the browser offers passkeys within the account field. */
export async function offersInField(): Promise<boolean> {
  if (!supported() || typeof PublicKeyCredential.isConditionalMediationAvailable !== 'function') return false;
  return PublicKeyCredential.isConditionalMediationAvailable();
}

export async function make(challenge: PasskeyChallenge): Promise<Answer> {
  const options = challenge.options as unknown as PublicKeyCredentialCreationOptionsJSON;
  const made = await ask(() => navigator.credentials.create({
    publicKey: {
      ...(options as unknown as PublicKeyCredentialCreationOptions),
      challenge: bytes(options.challenge),
      user: { ...options.user, id: bytes(options.user.id) },
      excludeCredentials: (options.excludeCredentials ?? []).map(({ id }) => ({ type: 'public-key', id: bytes(id) })),
      extensions: { ...(options.extensions as unknown as AuthenticationExtensionsClientInputs), prf: {} },
    },
  }));
  const response = made.response as AuthenticatorAttestationResponse;
  return {
    id: made.id, rawId: text(made.rawId), type: made.type, clientExtensionResults: {},
    response: { clientDataJSON: text(response.clientDataJSON), attestationObject: text(response.attestationObject) },
  };
}

/** Signs in by a passkey that the person picks; `inField` waits until he picks one in the account field. */
export async function prove(challenge: PasskeyChallenge, inField: boolean, signal: AbortSignal): Promise<Answer> {
  const options = challenge.options as unknown as PublicKeyCredentialRequestOptionsJSON;
  const got = await ask(() => navigator.credentials.get({
    ...(inField ? { mediation: 'conditional' as const } : {}),
    signal,
    publicKey: { challenge: bytes(options.challenge), rpId: options.rpId ?? location.hostname, userVerification: 'required', timeout: options.timeout ?? 300_000 },
  }));
  return answerOf(got);
}

/** Confirms a challenge of the appliance with one of these passkeys, and asks its PRF. */
export async function confirm(challenge: PasskeyChallenge, passkeys: Passkey[]): Promise<Confirmed> {
  const options = challenge.options as unknown as PublicKeyCredentialRequestOptionsJSON;
  return confirmBytes(bytes(options.challenge), passkeys);
}

/** Confirms what has this SHA-256 (hexadecimal): the challenge is that digest and nothing else. */
export function confirmDigest(digest: string, passkeys: Passkey[]): Promise<Confirmed> {
  return confirmBytes(Uint8Array.from(digest.match(/../g) ?? [], (byte) => parseInt(byte, 16)), passkeys);
}

async function confirmBytes(challenge: Uint8Array<ArrayBuffer>, passkeys: Passkey[]): Promise<Confirmed> {
  const got = await ask(() => navigator.credentials.get({
    publicKey: {
      challenge,
      rpId: location.hostname,
      userVerification: 'required',
      timeout: 300_000,
      allowCredentials: passkeys.map(({ credential }) => ({ type: 'public-key', id: bytes(credential) })),
      extensions: { prf: { evalByCredential: Object.fromEntries(passkeys.map(({ credential, salt }) => [credential, { first: bytes(salt) }])) } },
    },
  }));
  const passkey = passkeys.find(({ credential }) => credential === text(got.rawId));
  const secret = got.getClientExtensionResults().prf?.results?.first;
  if (passkey === undefined || secret === undefined) throw new Problem('passkey-no-prf', 0);
  return { answer: answerOf(got), passkey, secret: secret as ArrayBuffer };
}

/** A PIN that nobody remembers. */
export function drawPin(): string {
  return text(crypto.getRandomValues(new Uint8Array(LONG_PIN_BYTES)).buffer);
}

export async function wrapPin(confirmed: Omit<Confirmed, 'answer'>, person: string, pin: string): Promise<string> {
  const vector = crypto.getRandomValues(new Uint8Array(VECTOR_BYTES));
  const sealed = await crypto.subtle.encrypt(cipher(confirmed.passkey, person, vector), await key(confirmed, person), new TextEncoder().encode(pin));
  return text(new Uint8Array([VERSION, ...vector, ...new Uint8Array(sealed)]).buffer);
}

export async function unwrapPin(confirmed: Omit<Confirmed, 'answer'>, person: string): Promise<string> {
  const wrap = bytes(confirmed.passkey.wrap ?? '');
  if (wrap[0] !== VERSION) throw new Problem('passkey-no-prf', 0);
  const vector = wrap.slice(1, 1 + VECTOR_BYTES);
  try {
    const pin = await crypto.subtle.decrypt(cipher(confirmed.passkey, person, vector), await key(confirmed, person), wrap.slice(1 + VECTOR_BYTES));
    return new TextDecoder().decode(pin);
  } catch {
    throw new Problem('passkey-no-prf', 0);
  }
}

async function key({ passkey, secret }: Omit<Confirmed, 'answer'>, person: string): Promise<CryptoKey> {
  const base = await crypto.subtle.importKey('raw', secret, 'HKDF', false, ['deriveKey']);
  const derivation = { name: 'HKDF', hash: 'SHA-256', salt: bytes(passkey.salt), info: new TextEncoder().encode(`${PURPOSE} ${person}`) };
  return crypto.subtle.deriveKey(derivation, base, { name: 'AES-GCM', length: 256 }, false, ['encrypt', 'decrypt']);
}

/** Bound to the person and the passkey: a wrap that was put into another's row does not open. */
function cipher(passkey: Passkey, person: string, iv: Uint8Array<ArrayBuffer>): AesGcmParams {
  return { name: 'AES-GCM', iv, additionalData: new TextEncoder().encode(`${PURPOSE} ${person} ${passkey.credential}`) };
}

function answerOf(got: PublicKeyCredential): Answer {
  const response = got.response as AuthenticatorAssertionResponse;
  return {
    id: got.id, rawId: text(got.rawId), type: got.type, clientExtensionResults: {},
    response: {
      clientDataJSON: text(response.clientDataJSON), authenticatorData: text(response.authenticatorData),
      signature: text(response.signature), userHandle: response.userHandle === null ? null : text(response.userHandle),
    },
  };
}

/** Whatever the browser throws means that nothing was confirmed; the person is told what to do. */
async function ask(call: () => Promise<Credential | null>): Promise<PublicKeyCredential> {
  try {
    const credential = await call();
    if (credential instanceof PublicKeyCredential) return credential;
  } catch (thrown) {
    if (thrown instanceof DOMException && thrown.name === 'AbortError') throw thrown;
    if (thrown instanceof DOMException && thrown.name === 'InvalidStateError') throw new Problem('passkey-not-added', 0);
  }
  throw new Problem('passkey-cancelled', 0);
}

export function bytes(base64url: string): Uint8Array<ArrayBuffer> {
  const binary = atob(base64url.replaceAll('-', '+').replaceAll('_', '/'));
  return Uint8Array.from(binary, (letter) => letter.charCodeAt(0));
}

export function text(buffer: ArrayBuffer): string {
  return btoa(String.fromCharCode(...new Uint8Array(buffer))).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '');
}
