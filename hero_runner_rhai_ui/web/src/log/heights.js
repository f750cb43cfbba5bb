// How tall each row of a list is, in lines of text, and which row is at which height. Sums are kept
// for runs of rows, so that neither question looks at all of them.
const RUN = 512;

export class Heights {
  #rows = new Uint16Array(RUN);
  #runs = []; // sum of each run
  length = 0;
  total = 0;

  clear() {
    this.length = this.total = 0;
    this.#runs = [];
  }

  push(height) {
    if (this.length === this.#rows.length) {
      const larger = new Uint16Array(this.#rows.length * 2);
      larger.set(this.#rows);
      this.#rows = larger;
    }
    if (this.length % RUN === 0) this.#runs.push(0);
    this.#rows[this.length++] = height;
    this.#runs[this.#runs.length - 1] += this.#rows[this.length - 1];
    this.total += this.#rows[this.length - 1];
  }

  of(row) {
    return this.#rows[row];
  }

  /** Text lines above a row. */
  above(row) {
    let sum = 0;
    const run = Math.floor(row / RUN);
    for (let i = 0; i < run; i++) sum += this.#runs[i];
    for (let i = run * RUN; i < row; i++) sum += this.#rows[i];
    return sum;
  }

  /** The row in which the text line `at` is. */
  at(at) {
    let run = 0;
    while (run < this.#runs.length - 1 && at >= this.#runs[run]) at -= this.#runs[run++];
    let row = run * RUN;
    while (row < this.length - 1 && at >= this.#rows[row]) at -= this.#rows[row++];
    return Math.min(row, Math.max(0, this.length - 1));
  }
}
