#include "base/json_unescape.h"

#include <string.h>

static const char bad_hex[] = "expected four hexadecimal digits after \\u";
static const char lone_first[] = "the first half of a surrogate pair without the second";
static const char lone_second[] = "the second half of a surrogate pair without the first";

/* Four hexadecimal digits at @s of @left bytes; -1 if they are not there. */
static int hex4(const char *s, size_t left)
{
    int v = 0;

    if (left < 4)
        return -1;
    for (size_t i = 0; i < 4; i++) {
        char c = s[i];
        int digit;
        if (c >= '0' && c <= '9')
            digit = c - '0';
        else if (c >= 'a' && c <= 'f')
            digit = c - 'a' + 10;
        else if (c >= 'A' && c <= 'F')
            digit = c - 'A' + 10;
        else
            return -1;
        v = v << 4 | digit;
    }
    return v;
}

static size_t put_utf8(char *to, unsigned c)
{
    if (c < 0x80) {
        to[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        to[0] = (char)(0xc0 | c >> 6);
        to[1] = (char)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (char)(0xe0 | c >> 12);
        to[1] = (char)(0x80 | (c >> 6 & 0x3f));
        to[2] = (char)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (char)(0xf0 | c >> 18);
    to[1] = (char)(0x80 | (c >> 12 & 0x3f));
    to[2] = (char)(0x80 | (c >> 6 & 0x3f));
    to[3] = (char)(0x80 | (c & 0x3f));
    return 4;
}

/* \uXXXX, or a surrogate pair of them, at @s. *used: bytes read, *put: bytes written (never more than read).
 */
static const char *unescape_unicode(const char *s, size_t left, char *to, size_t *used, size_t *put)
{
    int c = hex4(s + 2, left - 2), second;

    *used = 6;
    *put = 0;
    if (c < 0)
        return bad_hex;
    if (c == 0)
        return "a string may not hold a NUL";
    if (c >= 0xdc00 && c <= 0xdfff)
        return lone_second;
    if (c >= 0xd800 && c <= 0xdbff) {
        if (left < 12 || s[6] != '\\' || s[7] != 'u')
            return lone_first;
        second = hex4(s + 8, left - 8);
        if (second < 0)
            return bad_hex;
        if (second < 0xdc00 || second > 0xdfff)
            return lone_first;
        c = 0x10000 + ((c - 0xd800) << 10 | (second - 0xdc00));
        *used = 12;
    }
    *put = put_utf8(to, (unsigned)c);
    return NULL;
}

const char *json_unescape(const char *s, size_t len, char *to, size_t *bad)
{
    static const char letters[] = "\"\\/bfnrt", meant[] = "\"\\/\b\f\n\r\t";
    size_t n = 0;

    for (size_t i = 0; i < len;) {
        char letter = i + 1 < len ? s[i + 1] : '\0';
        const char *found;

        if (s[i] != '\\') {
            to[n++] = s[i++];
            continue;
        }
        *bad = i;
        if (letter == 'u') {
            size_t used, put;
            const char *wrong = unescape_unicode(s + i, len - i, to + n, &used, &put);
            if (wrong)
                return wrong;
            i += used;
            n += put;
            continue;
        }
        found = letter ? strchr(letters, letter) : NULL;
        if (!found)
            return "a backslash with nothing behind it that it could mean";
        to[n++] = meant[found - letters];
        i += 2;
    }
    to[n] = '\0';
    return NULL;
}
