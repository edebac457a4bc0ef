/** A choice that the browser keeps for the next visit. */

/** Reads and writes one choice. Where storage is forbidden, or holds something else, the choice is undefined. */
export interface Stored<T extends string> {
  read(): T | undefined;
  write(value: T): void;
}

/** The choice under `key`, one of `values`. */
export function stored<T extends string>(key: string, values: readonly T[]): Stored<T> {
  return {
    read() {
      try {
        const found = localStorage.getItem(key);
        return values.find((value) => value === found);
      } catch {
        return undefined;
      }
    },
    write(value) {
      try {
        localStorage.setItem(key, value);
      } catch {
        // Storage forbidden: the choice holds until the page is closed.
      }
    },
  };
}
