// What a spreadsheet gets.
import { expect, test } from "vitest";
import { toCsv } from "./csv";

test("cells with commas, quotes and line ends are quoted; what is unknown is empty", () => {
  const rows = [
    ["a,b", 'say "hi"', "two\nlines", 7, true],
    [null, undefined, "", 0, false],
  ];
  expect(toCsv(["A", "B", "C", "D", "E"], rows)).toBe(
    'A,B,C,D,E\r\n"a,b","say ""hi""","two\nlines",7,true\r\n,,,0,false\r\n',
  );
});

test("a name that a spreadsheet would compute stays a name", () => {
  for (const evil of ["=1+1", "+cmd", "-2", "@SUM(A1)", "\tx"]) {
    expect(toCsv(["name"], [[evil]])).toBe(`name\r\n'${evil}\r\n`);
  }
  expect(toCsv(["n"], [[-2]])).toBe("n\r\n-2\r\n");
});
