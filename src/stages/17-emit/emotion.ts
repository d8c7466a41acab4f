/** The mood of a text, by words and signs in English and Korean. */

const SIGNS = {
  happy: /\b(?:happy|glad|great|awesome|wonderful|lovely|yay|haha|congratulations)\b|!!|좋아|기뻐|기쁘|행복|즐거|ㅎㅎ|😊|😄|😀|🥰|❤/gu,
  sad: /\b(?:sad|sadly|sorry|unfortunately|regret|alas|miss you)\b|슬퍼|슬프|미안|죄송|안타깝|아쉽|ㅠㅠ|ㅜㅜ|😢|😭|😔|💔/gu,
  excited: /\b(?:wow|amazing|incredible|exciting|excited|fantastic|can't wait|woohoo)\b|와!|우와|대박|신난|신나|굉장|최고|🎉|🤩|🔥|🚀/gu,
  thinking: /\b(?:hmm+|let me think|let me see|i wonder|perhaps|considering)\b|음\.\.|글쎄|생각해|고민|아마도|🤔|💭/gu,
} as const;
const HITS_FOR_CERTAIN = 3;

export type Mood = keyof typeof SIGNS | "neutral";
/** `scores` counts the different signs found; `confidence` goes from 0 to 1. */
export type Emotion = { readonly primary: Mood; readonly confidence: number; readonly scores: { readonly [name in Mood]: number } };

/** Of moods that are even, the first of happy, sad, excited, thinking wins; without any sign it is neutral. */
export const emotionOf = (text: string): Emotion => {
  const lower = text.toLowerCase();
  const count = (mood: keyof typeof SIGNS) => new Set(lower.match(SIGNS[mood])).size;
  const scores = { happy: count("happy"), sad: count("sad"), excited: count("excited"), thinking: count("thinking"), neutral: 0 };
  let primary: Mood = "neutral";
  for (const mood of ["happy", "sad", "excited", "thinking"] as const) if (scores[mood] > scores[primary]) primary = mood;
  return { primary, confidence: Math.min(scores[primary] / HITS_FOR_CERTAIN, 1), scores };
};
