/**
 * A choice made but not signed, while its member looks into a paper and comes back. Only in memory: a choice is
 * never written down unsealed, and is gone with the page, at sign-out, and when somebody else signs in.
 */
import type { Choice } from './api/types';

export const pending = new Map<string, { choice: Choice; comment: string }>();
