/** Characters of a text, a surrogate pair as one: as other languages count. */
export const lengthOf = (text: string): number => {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
};
