/**
 * The live stream of one meeting. The browser resumes by the last number it saw; when it gives up, we open the
 * stream anew. A stream tells only what comes after it stands, so each time it stands the screen loads its state
 * again: nothing that happened meanwhile is missed.
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
  /** The stream stands, for the first time or again after a gap: load what it could not tell. */
  resumed: () => void;
}

/** Follows a meeting until the returned function is called. */
export function follow(meeting: string, listener: Listener): () => void {
  let source: EventSource;
  let again: ReturnType<typeof setTimeout> | undefined;

  const open = () => {
    source = new EventSource(address.events(meeting));
    source.onopen = () => {
      link.dropped = false;
      listener.resumed();
    };
    source.onerror = () => {
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
