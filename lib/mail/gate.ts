/** Lets work begin until it is closed, and knows what is under way. */
export interface Gate {
  /** Does the work; rejects when the gate is closed. */
  readonly pass: (work: () => Promise<void>) => Promise<void>;
  /** Lets nothing begin any more, and waits for the end of what has begun. */
  readonly close: () => Promise<void>;
}

/** @param closed what an attempt after the end is told */
export function openGate(closed: string): Gate {
  const underWay = new Set<Promise<void>>();
  let isClosed = false;
  return {
    async pass(work) {
      if (isClosed) throw new Error(closed);
      const done = work();
      underWay.add(done);
      try {
        await done;
      } finally {
        underWay.delete(done);
      }
    },
    async close() {
      isClosed = true;
      await Promise.allSettled(underWay);
    },
  };
}
