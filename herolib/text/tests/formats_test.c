/* CSV, YAML, HeroScript, encodings and hashes. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

static void csv_is_read(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "csv_parse(\"a, b\\r\\n1,\\\"x, \\\"\\\"y\\\"\\\"\\nz\\\"\\n\")",
                   "[[\"a\", \" b\"], [\"1\", \"x, \\\"y\\\"\\nz\"]]");
    fixture_expect(f, "csv_parse(\"a;b\\n1;2\\n3\\n4;5;6\", #{delimiter: \";\", header: true})",
                   "[#{\"a\": \"1\", \"b\": \"2\"}, #{\"a\": \"3\"}, "
                   "#{\"a\": \"4\", \"b\": \"5\", \"column_3\": \"6\"}]");
    fixture_expect(f, "csv_parse(\"\")", "[]");
    fixture_expect(f, "let m; try { csv_parse(\"a,\\\"b\") } catch (e) { m = e } m",
                   "csv: a quote stands where it must not, or has no end");
    fixture_expect(f, "let m; try { csv_parse(\"a\", #{sep: 1}) } catch (e) { m = e } m",
                   "csv: there is no option `sep`");
    fixture_expect(f, "let m; try { csv_parse(\"a\", #{delimiter: \"ab\"}) } catch (e) { m = e } m",
                   "csv: the option `delimiter` needs one ASCII character");
}

static void csv_is_written(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "csv_format([[1, \"a,b\", 2.5, (), \"q\\\"\"], [\"x\\ny\", \" s\"]])",
                   "1,\"a,b\",2.5,,\"q\"\"\"\r\n\"x\ny\",\" s\"\r\n");
    fixture_expect(f, "csv_format([#{a: 1, b: 2}, #{c: 3}], #{delimiter: ';'})",
                   "a;b;c\r\n1;2;\r\n;;3\r\n");
    fixture_expect(f, "let m; try { csv_format([1]) } catch (e) { m = e } m",
                   "csv: row 0 is neither an array nor a map");
    fixture_expect(f, "let r = [[\"a\\\"\", \"\", \"é,\"]]; csv_parse(csv_format(r)) == r", "true");
}

static void yaml_is_read(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "yaml_parse(\"a: [1, 0x1F, 0o17, -2.5, 1e3, true, ~, null, yes, 'n', 2024-01-01]\")",
                   "#{\"a\": [1, 31, 15, -2.5, 1000.0, true, (), (), \"yes\", \"n\", \"2024-01-01\"]}");
    fixture_expect(f, "yaml_parse(\"t: |\\n  a\\n  b\\nf: >\\n  a\\n  b\\n\")",
                   "#{\"f\": \"a b\\n\", \"t\": \"a\\nb\\n\"}");
    fixture_expect(f, "yaml_parse(\"base: &b {x: 1, y: 2}\\nd:\\n  <<: *b\\n  x: 3\\n\").d",
                   "#{\"x\": 3, \"y\": 2}");
    fixture_expect(f, "yaml_parse_all(\"a: 1\\n---\\n- 2\\n\")", "[#{\"a\": 1}, [2]]");
    fixture_expect(f, "type_of(yaml_parse(\"\"))", "()");
}

static void bad_yaml_says_where(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let m; try { yaml_parse(\"a: 1\\na: 2\") } catch (e) { m = e } m",
                   "yaml: line 2, column 1: duplicate key");
    fixture_expect(f,
                   "let m; try { yaml_parse(\"a: [1,\") } catch (e) { m = e } "
                   "m.starts_with(\"yaml: line \")",
                   "true");
    fixture_expect(f, "let m; try { yaml_parse(\"a: *x\") } catch (e) { m = e } m",
                   "yaml: an alias has no anchor");
    fixture_expect(f,
                   "let t = \"\"; for i in 0..100 { t += \"[\" } let m; "
                   "try { yaml_parse(t) } catch (e) { m = e } m.starts_with(\"yaml: \")",
                   "true");
}

/* Nine levels of ten aliases each would be a billion values. */
static void aliases_of_aliases_have_a_bound(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let t = \"a0: &a0 x\\n\"; for i in 1..10 { t += `a${i}: &a${i} [`; "
                   "for j in 0..10 { t += `*a${i - 1}, ` } t += \"]\\n\" } let m; "
                   "try { yaml_parse(t) } catch (e) { m = e } m",
                   "yaml: more than 1000000 values");
}

static void yaml_is_written_and_read_back(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "yaml_format(#{name: \"web\", port: 80, on: true, l: [1, #{x: ()}], e: []})",
                   "e: []\nl:\n- 1\n- x: null\nname: web\n\"on\": true\nport: 80\n");
    fixture_expect(f,
                   "let wrong = []; for v in [[], #{}, \"x: y\", 1.0, [[1], [#{a: []}]], \"123\", "
                   "\"true\", \"- a\", \" lead\", \"a\\nb\\n\", \"tab\\there\", \"\", \"a,b\", "
                   "\"x\\x01\\x7f\\\\\\\"\", \"a:\", \"http://x\", \"#\", \"é\", -5, 1e300, 0.1, [()], "
                   "#{\"a b\": 1, \"1\": 2, \"\": 3}, \"null\", \"~\", \"<<\", \"%\", \"key: [\"] { "
                   "if yaml_parse(yaml_format(v)) != v { wrong.push(v) } } wrong",
                   "[]");
}

static void heroscript_is_read(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "heroscript_parse(\"# title\\n// first\\n//  second\\n!!git.clone url:'https://a/b' "
                   "Branch:main\\n    depth: 1  // note\\n    text: '\\n        one\\n          two\\n"
                   "        '\\n    force 'a b'\\n\\n!go\\n\")",
                   "[#{\"actor\": \"git\", \"args\": [\"force\", \"a b\"], \"comment\": "
                   "\"first\\nsecond\", \"level\": 2, \"line\": 4, \"name\": \"clone\", \"params\": "
                   "#{\"branch\": \"main\", \"depth\": \"1\", \"text\": \"one\\n  two\", \"url\": "
                   "\"https://a/b\"}}, #{\"actor\": \"\", \"args\": [], \"comment\": \"\", \"level\": 1, "
                   "\"line\": 12, \"name\": \"go\", \"params\": #{}}]");
    fixture_expect(f, "heroscript_parse(\"text\\n![picture](x)\\n\")", "[]");
    fixture_expect(f, "heroscript_parse(\"!a\\x0C b\\x0B\")[0].args", "[\"b\"]");
    fixture_expect(f,
                   "heroscript_find(heroscript_parse(\"!!git.clone\\n!!mail.send\\n!!git.pull\"), "
                   "\"git.*\").map(|a| a.name)",
                   "[\"clone\", \"pull\"]");
}

static void heroscript_is_written_and_read_back(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "heroscript_write(#{actor: \"a\", name: \"b\", params: #{x: 1, y: \"p q\"}})",
                   "!!a.b\n    x: 1\n    y: 'p q'\n");
    fixture_expect(f,
                   "let a = heroscript_parse(\"!!x.y a:'it is' b:\\\"don't\\\" c flag\")[0]; "
                   "let b = heroscript_parse(heroscript_write(a))[0]; "
                   "a.params == b.params && a.args == b.args && a.name == b.name",
                   "true");
    fixture_expect(f, "let m; try { heroscript_write(#{}) } catch (e) { m = e } m",
                   "heroscript: an action needs a name");
}

static void bad_heroscript_says_where(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let m; try { heroscript_parse(\"\\n!!a.b x:'y\\nz\") } catch (e) { m = e } m",
                   "heroscript: line 2: a text in quotes has no end: 'y");
    fixture_expect(f, "let m; try { heroscript_parse(\"!!!!a\") } catch (e) { m = e } m",
                   "heroscript: line 1: not the name of an action: !!!!a");
}

static void encodings_go_both_ways(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "base64_encode(\"hello?>\") + base64_url_encode(\"hello?>\")",
                   "aGVsbG8/Pg==aGVsbG8_Pg");
    fixture_expect(f, "base64_decode(\"aGVsbG8_Pg\") + base64_decode(\"aGVs\\nbG8=\")", "hello?>hello");
    fixture_expect(f, "let b = blob(); for i in 0..256 { b.push(i) } "
                      "base64_decode_blob(base64_encode(b)) == b && hex_decode_blob(hex_encode(b)) == b",
                   "true");
    fixture_expect(f, "hex_encode(\"az\") + hex_decode(\"61:7A\")", "617aaz");
    fixture_expect(f, "url_encode(\"a b/ż~\") + url_decode(\"a+b%2F%C5%BC\")", "a%20b%2F%C5%BC~a b/ż");
    fixture_expect(f, "let m; try { base64_decode(\"a\") } catch (e) { m = e } m",
                   "text: this is not base64");
    fixture_expect(f, "let m; try { url_decode(\"%4\") } catch (e) { m = e } m",
                   "text: this is not percent-encoded");
}

/* The digests of "abc" in FIPS 180-2 and RFC 7693. */
static void hashes_are_those_of_their_standards(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "sha256(\"abc\")",
                   "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    fixture_expect(f, "sha512(\"abc\").sub_string(0, 16)", "ddaf35a193617aba");
    fixture_expect(f, "blake2b(\"abc\")",
                   "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319");
    char path[] = "/tmp/herolib_hash.XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, "abc", 3) == 3);
    close(fd);
    setenv("P", path, 1);
    fixture_expect(f, "sha256_file(env(\"P\")) == sha256(\"abc\")", "true");
    unlink(path);
    fixture_expect(f, "let m; try { sha256_file(\"/nope\") } catch (e) { m = e } m",
                   "text: sha256 of /nope: No such file or directory");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(csv_is_read),
        FIXTURE_CASE(csv_is_written),
        FIXTURE_CASE(yaml_is_read),
        FIXTURE_CASE(bad_yaml_says_where),
        FIXTURE_CASE(aliases_of_aliases_have_a_bound),
        FIXTURE_CASE(yaml_is_written_and_read_back),
        FIXTURE_CASE(heroscript_is_read),
        FIXTURE_CASE(heroscript_is_written_and_read_back),
        FIXTURE_CASE(bad_heroscript_says_where),
        FIXTURE_CASE(encodings_go_both_ways),
        FIXTURE_CASE(hashes_are_those_of_their_standards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
