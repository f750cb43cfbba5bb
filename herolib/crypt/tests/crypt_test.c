/* Keys, messages, passwords, the key store, as scripts see them. */
#include "tests/fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char dir[] = "/tmp/crypt_test.XXXXXX";

static int make_dir(void **state) {
    (void)state;
    return mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int remove_dir(void **state) {
    (void)state;
    unlink("keys"), unlink("plain"), unlink("sealed"), unlink("back");
    return rmdir(dir);
}

static void expect_error(struct fixture *f, const char *script, const char *part) {
    char *shown = fixture_evaluate(f, script);
    if (!strstr(shown, part)) fail_msg("'%s' does not hold '%s'", shown, part);
    free(shown);
}

/* RFC 8032, 7.1, test 2. */
static void signatures_are_those_of_the_rfc(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "public_key_from_private("
                   "\"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\")",
                   "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    fixture_expect(f,
                   "sign(\"r\", "
                   "\"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb\")",
                   "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
                   "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

static void a_signature_holds_for_its_message_only(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let k = generate_keypair(); let s = sign(\"pay 10\", k.private_key_hex);"
                   "[verify(\"pay 10\", s, k.public_key_hex), verify(\"pay 99\", s, k.public_key_hex),"
                   " verify(\"pay 10\", s, generate_keypair().public_key_hex)]",
                   "[true, false, false]");
    expect_error(f, "sign(\"x\", \"abc\")", "crypt: the private key must be 64 hexadecimal digits");
}

/* What OpenSSL makes of the same private key. */
static void encryption_keys_are_x25519(void **state) {
    fixture_expect(*state,
                   "encryption_public_key_from_private("
                   "\"0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20\")",
                   "07a37cbc142093c8b755dc1b10e86cb426374ad16aa853ed0bdfc0b2b86d1c7c");
}

static void a_message_is_for_one_key(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let k = generate_keypair();"
                   "let m = encrypt_message(\"grüße\", k.encryption_public_key_hex);"
                   "decrypt_message(m, k.encryption_private_key_hex)",
                   "grüße");
    fixture_expect(f,
                   "let k = generate_keypair(); let b = blob(3, 255);"
                   "decrypt_message_blob(encrypt_message(b, k.encryption_public_key_hex), "
                   "k.encryption_private_key_hex) == b",
                   "true");
    expect_error(f,
                 "let k = generate_keypair();"
                 "decrypt_message(encrypt_message(\"x\", k.encryption_public_key_hex), "
                 "generate_keypair().encryption_private_key_hex)",
                 "crypt: the message is not for this key, or has been changed");
}

static void a_key_encrypts_and_decrypts(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "let k = generate_key(); decrypt(encrypt(\"secret\", k), k)", "secret");
    fixture_expect(f, "let k = generate_key(); encrypt(\"a\", k) == encrypt(\"a\", k)", "false");
    fixture_expect(f, "let k = generate_key(); decrypt_blob(encrypt(blob(2, 200), k), k).len", "2");
    expect_error(f, "decrypt(encrypt(\"secret\", generate_key()), generate_key())",
                 "crypt: cannot decrypt: another key, or the text has been changed");
    expect_error(f, "decrypt(\"AAAA\", generate_key())", "cannot decrypt");
    expect_error(f, "decrypt(\"%\", generate_key())", "not base64");
}

static void a_password_encrypts_and_decrypts(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "decrypt_with_password(encrypt_with_password(\"secret\", \"pw\"), \"pw\")",
                   "secret");
    expect_error(f, "decrypt_with_password(encrypt_with_password(\"secret\", \"pw\"), \"no\")",
                 "another password");
    expect_error(f, "decrypt_with_password(\"AAAA\", \"no\")", "another password");
}

static void stored_passwords_are_verified(void **state) {
    struct fixture *f = *state;
    fixture_expect(f,
                   "let h = password_hash(\"pw\");"
                   "[h.starts_with(\"$argon2id$\"), password_verify(\"pw\", h), "
                   "password_verify(\"no\", h), password_verify(\"pw\", \"junk\")]",
                   "[true, true, false, false]");
}

static void random_bytes_have_the_length_asked_for(void **state) {
    struct fixture *f = *state;
    fixture_expect(f, "[random_bytes(33).len, random_hex(4).len, random_hex(16) == random_hex(16)]",
                   "[33, 8, false]");
    expect_error(f, "random_bytes(-1)", "crypt: the number of bytes must be 0 to");
}

static void a_key_store_keeps_secrets_under_a_password(void **state) {
    struct fixture *f = *state;
    struct stat info;
    fixture_expect(f,
                   "let s = key_store_open(\"keys\", \"pw\"); s.set(\"db\", \"one\");"
                   "s.set(\"api\", \"two\"); s.list()",
                   "[\"api\", \"db\"]");
    assert_int_equal(stat("keys", &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    fixture_expect(f,
                   "let s = key_store_open(\"keys\", \"pw\");"
                   "[s.get(\"db\"), s.has(\"no\"), s.delete(\"db\"), s.delete(\"db\")]",
                   "[\"one\", false, true, false]");
    fixture_expect(f, "key_store_open(\"keys\", \"pw\").list()", "[\"api\"]");
    expect_error(f, "key_store_open(\"keys\", \"pw\").get(\"db\")", "has no 'db'");
    expect_error(f, "key_store_open(\"keys\", \"other\")", "another password");
    expect_error(f, "key_store_open(\"/nowhere/keys\", \"pw\").set(\"a\", \"b\")",
                 "crypt: the key store /nowhere/keys: No such file or directory");
}

static void write_file(const char *path, size_t len) {
    FILE *file = fopen(path, "w");
    for (size_t i = 0; i < len; i++)
        putc((int)(i * 7 % 251), file);
    fclose(file);
}

static void a_file_of_any_size_is_encrypted(void **state) {
    struct fixture *f = *state;
    static const size_t sizes[] = {0, 1, 65536, 65537, 200000};
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        write_file("plain", sizes[i]);
        fixture_expect(f,
                       "encrypt_file(\"plain\", \"sealed\", \"pw\");"
                       "decrypt_file(\"sealed\", \"back\", \"pw\");"
                       "sha256_file(\"plain\") == sha256_file(\"back\")",
                       "true");
    }
}

static void an_encrypted_file_that_was_cut_is_noticed(void **state) {
    struct fixture *f = *state;
    write_file("plain", 200000);
    unlink("back");
    fixture_expect(f, "encrypt_file(\"plain\", \"sealed\", \"pw\")", "");
    expect_error(f, "decrypt_file(\"sealed\", \"back\", \"no\")", "another password");
    assert_int_equal(truncate("sealed", 8 + 16 + 24 + 65536 + 17), 0); /* after the first piece */
    expect_error(f, "decrypt_file(\"sealed\", \"back\", \"pw\")", "the file has been changed");
    assert_int_equal(access("back", F_OK), -1);
    expect_error(f, "decrypt_file(\"plain\", \"back\", \"pw\")", "was not made by encrypt_file");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        FIXTURE_CASE(signatures_are_those_of_the_rfc),
        FIXTURE_CASE(a_signature_holds_for_its_message_only),
        FIXTURE_CASE(encryption_keys_are_x25519),
        FIXTURE_CASE(a_message_is_for_one_key),
        FIXTURE_CASE(a_key_encrypts_and_decrypts),
        FIXTURE_CASE(a_password_encrypts_and_decrypts),
        FIXTURE_CASE(stored_passwords_are_verified),
        FIXTURE_CASE(random_bytes_have_the_length_asked_for),
        FIXTURE_CASE(a_key_store_keeps_secrets_under_a_password),
        FIXTURE_CASE(a_file_of_any_size_is_encrypted),
        FIXTURE_CASE(an_encrypted_file_that_was_cut_is_noticed),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
