/* SPDX-License-Identifier: MIT OR Apache-2.0 */
/*
 * fuzz_NAME FOLDER: gives every file of a corpus to the target that it is linked with, in place of
 * libFuzzer, and ends with the line that tests/run.sh adds up. An input that is not survived is the
 * last one named.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>

static int visible(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

static void replay(const char *folder, const char *name)
{
    char path[4096];
    static uint8_t bytes[1 << 20];
    size_t size;
    FILE *file;

    snprintf(path, sizeof path, "%s/%s", folder, name);
    printf("%s\n", name);
    fflush(stdout);
    file = fopen(path, "rb");
    MUST(file != NULL);
    size = fread(bytes, 1, sizeof bytes, file);
    MUST(feof(file) && !ferror(file));
    fclose(file);
    uint8_t *input = exact_copy(bytes, size);
    LLVMFuzzerTestOneInput(input, size);
    free(input);
}

int main(int argc, char **argv)
{
    struct dirent **entries = NULL;
    int count = argc == 2 ? scandir(argv[1], &entries, visible, alphasort) : 0;
    const char *slash = strrchr(argv[0], '/');

    if (count <= 0) {
        fprintf(stderr, "usage: %s FOLDER, one with inputs\n", argv[0]);
        return 2;
    }
    for (int i = 0; i < count; i++) {
        replay(argv[1], entries[i]->d_name);
        free(entries[i]);
    }
    free(entries);
    printf("RESULT %s: %d passed, 0 failed, 0 skipped\n", slash ? slash + 1 : argv[0], count);
    return 0;
}
