/** A clock that runs and can be moved forward. */
export interface Clock {
  readonly now: () => Date;
  readonly advance: (seconds: number) => void;
}

/** Starts at the present. */
export function createClock(): Clock {
  let offsetMs = 0;
  return {
    now: () => new Date(Date.now() + offsetMs),
    advance: (seconds) => {
      offsetMs += seconds * 1000;
    },
  };
}
