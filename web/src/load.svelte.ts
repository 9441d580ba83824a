/** Something loaded for a screen: not yet, there, or why not. A reload keeps what is shown until the new is there. */
import { asProblem, type Problem } from './api/problem';

export class Loaded<T> {
  value = $state.raw<T | null>(null);
  problem = $state.raw<Problem | null>(null);
  #turn = 0;

  constructor(readonly ask: () => Promise<T>) {
    void this.reload();
  }

  async reload(): Promise<void> {
    const turn = ++this.#turn;
    try {
      const value = await this.ask();
      if (turn === this.#turn) this.set(value);
    } catch (thrown) {
      if (turn === this.#turn) this.problem = asProblem(thrown);
    }
  }

  /** An act answered with the new state. */
  set(value: T): void {
    this.#turn += 1;
    this.value = value;
    this.problem = null;
  }
}
