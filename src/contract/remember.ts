/**
 * Remembers what was computed of an object that never changes, for the objects that were asked about lately: at most twice `most`, so that
 * sessions that rest cost nothing beyond their messages.
 */
export const remember = <K extends object, V>(compute: (key: K) => V, most = 4096): ((key: K) => V) => {
  let young = new WeakMap<K, { readonly value: V }>();
  let old = young;
  let count = 0;
  return (key) => {
    const known = young.get(key);
    if (known) return known.value;
    const entry = old.get(key) ?? { value: compute(key) };
    if (++count > most) {
      old = young;
      young = new WeakMap();
      count = 1;
    }
    young.set(key, entry);
    return entry.value;
  };
};
