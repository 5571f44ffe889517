// What somebody typed for a repository, as the API takes it. The same forms as the command line.

export interface Repository {
  owner: string;
  name: string;
  url: string;
  branch?: string;
}

const FORMS: RegExp[] = [
  /^(?<url>(?:https:\/\/|ssh:\/\/git@)[^/\s]+\/(?<owner>[\w.-]+)\/(?<name>[\w.-]+?)(?:\.git)?)\/?$/,
  /^(?<url>git@[^:\s]+:(?<owner>[\w.-]+)\/(?<name>[\w.-]+?)(?:\.git)?)$/,
  /^(?<url>file:\/\/\/(?:[^\s]*\/)?(?<owner>[\w.-]+)\/(?<name>[\w.-]+?)(?:\.git)?)\/?$/,
];

/** `OWNER/NAME`, `OWNER/NAME@BRANCH` or a URL; nothing where it is none of them. */
export function parseRepository(text: string, branch = ""): Repository | undefined {
  const typed = text.trim();
  const short = /^(?<owner>[\w.-]+)\/(?<name>[\w.-]+?)(?:@(?<branch>[\w./-]+))?$/.exec(typed);
  const found = short ?? FORMS.map((form) => form.exec(typed)).find((match) => match !== null);
  const { owner, name, url, branch: named } = found?.groups ?? {};
  if (!owner || !name) return undefined;
  const chosen = branch.trim() || named;
  const where = url ?? `https://github.com/${owner}/${name}`;
  return { owner, name, url: where, ...(chosen ? { branch: chosen } : {}) };
}

/** A workspace's name made of a repository's: lower case, digits and hyphens, 40 characters. */
export function nameFrom(repository: string): string {
  const plain = repository.toLowerCase().replace(/[^a-z0-9]+/g, "-");
  return plain.slice(0, 40).replace(/^-+|-+$/g, "");
}

/** What is wrong with a workspace's name; nothing where it is right. */
export function nameTrouble(name: string): string | undefined {
  if (/^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/.test(name)) return undefined;
  return "1 to 40 lower-case letters, digits and hyphens, starting and ending with a letter or digit";
}
