/**
 * The live stream of one meeting. The browser resumes by the last number it saw; when it gives up, we open the
 * stream anew and tell the screen to load its state again, so nothing that happened meanwhile is missed.
 */
import { address } from './api/client';
import { LIVE_KINDS, type LiveEvent } from './api/types';
import { session } from './session.svelte';

const AGAIN_MS = 4_000;

class Link {
  /** For the banner: the stream of the open screen was there and is not any more. */
  dropped = $state(false);
}

export const link = new Link();

export interface Listener {
  heard: (event: LiveEvent) => void;
  /** The stream is back after a gap: load again. */
  resumed: () => void;
}

/** Follows a meeting until the returned function is called. */
export function follow(meeting: string, listener: Listener): () => void {
  let source: EventSource;
  let again: ReturnType<typeof setTimeout> | undefined;
  let gap = false;

  const open = () => {
    source = new EventSource(address.events(meeting));
    source.onopen = () => {
      link.dropped = false;
      if (gap) listener.resumed();
      gap = false;
    };
    source.onerror = () => {
      gap = true;
      link.dropped = true;
      if (source.readyState !== EventSource.CLOSED) return;
      again = setTimeout(open, AGAIN_MS);
      // A refused stream may mean that the session is over; asking settles it.
      void session.ask();
    };
    for (const kind of LIVE_KINDS) {
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        try {
          listener.heard({ ...(JSON.parse(event.data) as LiveEvent), kind });
        } catch {
          listener.resumed();
        }
      });
    }
  };

  const offline = () => (link.dropped = true);
  addEventListener('offline', offline);
  open();
  return () => {
    removeEventListener('offline', offline);
    clearTimeout(again);
    source.close();
    link.dropped = false;
  };
}
