/** A binary heap that gives back the lowest sequence number first: O(log n) in and out, in whatever order they come. */
export class OldestFirst<E extends { readonly sequence: number }> {
  readonly #heap: E[] = []

  get size(): number {
    return this.#heap.length
  }

  peek(): E | undefined {
    return this.#heap[0]
  }

  push(entry: E): void {
    const heap = this.#heap
    let index = heap.push(entry) - 1
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = heap[above]
      if (parent === undefined || parent.sequence <= entry.sequence) break
      heap[index] = parent
      index = above
    }
    heap[index] = entry
  }

  pop(): E | undefined {
    const heap = this.#heap
    const oldest = heap[0]
    const last = heap.pop()
    if (oldest === undefined || last === undefined || heap.length === 0) return oldest
    let index = 0
    for (;;) {
      const left = heap[2 * index + 1]
      const right = heap[2 * index + 2]
      const rightIsOlder = left !== undefined && right !== undefined && right.sequence < left.sequence
      const child = rightIsOlder ? right : left
      if (child === undefined || child.sequence >= last.sequence) break
      heap[index] = child
      index = 2 * index + (rightIsOlder ? 2 : 1)
    }
    heap[index] = last
    return oldest
  }
}
