/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "request.h"

#include <string.h>
#include <strings.h>

#define INDEX "index.html"

/* The characters of a method and of a field name: RFC 9110, 5.6.2. */
static const char token[] =
    "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/* Cuts the next line off *rest. Returns NULL unless it ends with CR LF and is plain text. */
static char *next_line(char **rest)
{
    char *line = *rest, *end = line;

    while ((unsigned char)*end >= ' ' || *end == '\t')
        if (*end++ == 0x7f)
            return NULL;
    if (end[0] != '\r' || end[1] != '\n')
        return NULL;
    *end = '\0';
    *rest = end + 2;
    return line;
}

static int digit_of(char c)
{
    static const char digits[] = "0123456789abcdef";
    const char *found = c ? strchr(digits, c >= 'A' && c <= 'F' ? c | 0x20 : c) : NULL;

    return found ? (int)(found - digits) : -1;
}

/* Decodes %XX in place. A zero byte is in no name, and neither is a '/': nothing is called so. */
static int decode(char *path)
{
    char *to = path;

    for (const char *at = path; *at; at++) {
        if (*at != '%') {
            *to++ = *at;
            continue;
        }
        int high = digit_of(at[1]), low = high < 0 ? -1 : digit_of(at[2]);
        int c = high * 16 + low;
        if (low < 0 || c == 0)
            return 400;
        if (c == '/')
            return 404;
        *to++ = (char)c;
        at += 2;
    }
    *to = '\0';
    return 0;
}

/* The path of a target: of "/a", and of "http://host/a", which every server has to accept. */
static char *path_of(char *target)
{
    if (strncasecmp(target, "http://", 7) == 0 && target[7] != '/')
        target += 7 + strcspn(target + 7, "/?");
    return *target == '/' ? target + 1 : NULL;
}

static int read_target(struct request *request, char *target)
{
    char *path = path_of(target);
    int status;

    if (!path || strpbrk(target, " #\t"))
        return 400;
    path[strcspn(path, "?")] = '\0';
    status = decode(path);
    if (!status && (!*path || path[strlen(path) - 1] == '/'))
        strcat(path, INDEX); /* into the rest of the request line, which is longer */
    request->path = path;
    return status;
}

/* METHOD SP TARGET SP HTTP/1.x */
static int read_line(struct request *request, char *line, bool *http_1_0)
{
    size_t method = strspn(line, token);
    char *target = line + method + 1, *version = strrchr(line, ' ');

    if (!method || line[method] != ' ' || version < target || strncmp(version, " HTTP/", 6) != 0 ||
        strlen(version) != 9 || strspn(version + 6, "0123456789") != 1 || version[7] != '.' ||
        strspn(version + 8, "0123456789") != 1)
        return 400;
    if (version[6] != '1')
        return 505;
    *http_1_0 = version[8] == '0';
    *version = line[method] = '\0';
    request->head_only = strcmp(line, "HEAD") == 0;
    if (!request->head_only && strcmp(line, "GET") != 0)
        return 405;
    /* The name of the index may have to go behind the path. */
    memmove(line, target, strlen(target) + 1);
    return read_target(request, line);
}

/* NAME ":" VALUE. A field that may be there once and is repeated is a mistake. */
static int read_field(struct request *request, char *line, unsigned *hosts)
{
    size_t length = strspn(line, token);
    char *value = line + length + 1, *end;
    const struct {
        const char *name;
        const char **value;
    } fields[] = {
        {"Range", &request->range},
        {"If-Range", &request->if_range},
        {"If-Modified-Since", &request->if_modified_since},
    };

    if (!length || line[length] != ':')
        return 400;
    line[length] = '\0';
    value += strspn(value, " \t");
    end = value + strlen(value);
    while (end > value && (end[-1] == ' ' || end[-1] == '\t'))
        *--end = '\0';
    *hosts += strcasecmp(line, "Host") == 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcasecmp(line, fields[i].name) != 0)
            continue;
        if (*fields[i].value)
            return 400;
        *fields[i].value = value;
    }
    return 0;
}

int request_read(struct request *request, char *text, size_t length)
{
    bool http_1_0 = false;
    unsigned hosts = 0;
    char *line;
    int status;

    text[length] = '\0';
    *request = (struct request){.path = NULL};
    line = next_line(&text);
    status = line ? read_line(request, line, &http_1_0) : 400;
    while (!status && (line = next_line(&text)) && *line)
        status = read_field(request, line, &hosts);
    if (!status && (!line || hosts > 1 || (!hosts && !http_1_0)))
        status = 400;
    return status;
}
