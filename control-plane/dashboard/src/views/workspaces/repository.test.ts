import { expect, it } from "vitest";
import { nameFrom, nameTrouble, parseRepository } from "./repository";

it("takes the forms of the command line", () => {
  expect(parseRepository("acme/shop")).toEqual({
    owner: "acme",
    name: "shop",
    url: "https://github.com/acme/shop",
  });
  expect(parseRepository("acme/shop@v2/next")).toMatchObject({ name: "shop", branch: "v2/next" });
  expect(parseRepository("https://git.example.com/acme/shop.git")).toMatchObject({
    owner: "acme",
    name: "shop",
  });
  expect(parseRepository("git@github.com:acme/shop.git")).toMatchObject({
    owner: "acme",
    name: "shop",
  });
  expect(parseRepository("ssh://git@host/acme/shop")).toMatchObject({
    owner: "acme",
    name: "shop",
  });
  expect(parseRepository("file:///srv/git/acme/shop.git", "main")).toEqual({
    owner: "acme",
    name: "shop",
    url: "file:///srv/git/acme/shop.git",
    branch: "main",
  });
  for (const wrong of ["shop", "a b", "https://host/shop", "ftp://host/a/b", "acme/shop@"])
    expect(parseRepository(wrong)).toBeUndefined();
});

it("makes names that are right", () => {
  expect(nameFrom("My.Shop_2")).toBe("my-shop-2");
  for (const repository of ["Shop", "--x--", `${"a".repeat(39)}.b`])
    expect(nameTrouble(nameFrom(repository))).toBeUndefined();
  for (const wrong of ["", "-a", "a-", "A", "a".repeat(41)])
    expect(nameTrouble(wrong)).toBeDefined();
});
