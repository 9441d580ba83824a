/** Which screen is open, kept in the address bar: links work, back works, an address can be sent to a colleague. */
import { match, sameScreen, type Route } from './routes';

class Navigation {
  route = $state.raw<Route>(match(location.pathname, location.search));
  /** Grows with each new screen; the screen's heading takes the focus when it changes. */
  visit = $state(0);

  constructor() {
    addEventListener('popstate', () => this.#show());
    document.addEventListener('click', (event) => this.#follow(event));
  }

  go(address: string, how: 'push' | 'replace' = 'push'): void {
    if (how === 'push') history.pushState(null, '', address);
    else history.replaceState(null, '', address);
    this.#show();
  }

  #show(): void {
    const route = match(location.pathname, location.search);
    const stays = sameScreen(route, this.route);
    this.route = route;
    if (stays) return;
    this.visit += 1;
    scrollTo(0, 0);
  }

  /** Plain clicks on our own links change the screen without loading the page anew. */
  #follow(event: MouseEvent): void {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const link = event.target instanceof Element ? event.target.closest('a') : null;
    if (link === null || link.target !== '' || link.hasAttribute('download') || link.origin !== location.origin) return;
    if (link.hash !== '' && link.pathname === location.pathname) return;
    if (match(link.pathname, link.search).screen === 'unknown') return;
    event.preventDefault();
    this.go(link.pathname + link.search);
  }
}

export const navigation = new Navigation();
