/** The part of our environment that an untrusted subprocess may see: no variable that could hold a secret. Every `LC_*` too. */
const HARMLESS = [
  "PATH",
  "HOME",
  "USER",
  "LOGNAME",
  "SHELL",
  "LANG",
  "LANGUAGE",
  "TERM",
  "COLORTERM",
  "TMPDIR",
  "TZ",
  "HOSTNAME",
  "EDITOR",
  "PAGER",
];

export const harmless = (env: { readonly [name: string]: string | undefined }): { [name: string]: string } => {
  const out: { [name: string]: string } = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && (HARMLESS.includes(name) || name.startsWith("LC_"))) out[name] = value;
  return out;
};
