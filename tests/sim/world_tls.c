/* SPDX-License-Identifier: MIT OR Apache-2.0 */
#include "tls_worlds.h"

#include <stdlib.h>

#include "tls_identity.h"
#include "world.h"

struct kevy_sim *world;

/* The low bits of the seed choose. */
static void (*const worlds[])(void) = {tls_world_server, tls_world_client, tls_world_server,
                                       tls_world_memory};

struct kevy_tls_context *tls_context_make(const struct kevy_tls_options *options)
{
    struct kevy_tls_context *context = NULL;
    int error = kevy_tls_context_create(&context, options, NULL);

    EXPECT(error == 0, "a context answers %d", error);
    return context;
}

static void test(struct kevy_sim *sim)
{
    world = sim;
    worlds[kevy_sim_seed(sim) % (sizeof worlds / sizeof *worlds)]();
}

int main(int argc, char **argv)
{
    const struct kevy_sim_options options = {.name = "tls", .test = test};

    return tls_identities_make() ? kevy_sim_main(argc, argv, &options) : EXIT_FAILURE;
}
