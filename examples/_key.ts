/** The key and address that the examples use; `npm run example` points them at the offline model when there is no key. */
export const apiKey = process.env.ANTHROPIC_API_KEY;
export const baseUrl = process.env.ANTHROPIC_BASE_URL;
