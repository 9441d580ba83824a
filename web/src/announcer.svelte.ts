/** What a screen reader is told without moving the focus: politely, or at once. */

class Announcer {
  polite = $state('');
  assertive = $state('');

  say(text: string): void {
    this.polite = '';
    // Emptied first, so that the same sentence twice is read twice.
    setTimeout(() => (this.polite = text), 60);
  }

  sayNow(text: string): void {
    this.assertive = '';
    setTimeout(() => (this.assertive = text), 60);
  }
}

export const announcer = new Announcer();
