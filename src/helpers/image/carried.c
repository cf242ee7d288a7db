#include "helpers/image/carried.h"

#include <string.h>

#include "image/protocol.h"

#define TAR_BLOCK 512

char *carried_find(const void *head, size_t len)
{
    static const char key[] = " comment=" IMAGE_CONFIG_MARK;
    const char *p = head;
    if (len < 2 * TAR_BLOCK || p[156] != 'g' || memcmp(p + 257, "ustar", 5) != 0)
        return NULL;
    const char *text = p + TAR_BLOCK;
    size_t digits = 0, n = 0;
    while (digits < 6 && text[digits] >= '0' && text[digits] <= '9')
        n = n * 10 + (size_t)(text[digits++] - '0');
    size_t before = digits + strlen(key);
    if (n > len - TAR_BLOCK || n <= before || n - before > IMAGE_CONFIG_MAX + 1 ||
        memcmp(text + digits, key, strlen(key)) != 0 || text[n - 1] != '\n')
        return NULL;
    for (size_t i = before; i < n - 1; i++)
        if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
            return NULL;
    return strndup(text + before, n - 1 - before);
}
