#define _GNU_SOURCE
#include "glproxy/look/workbench.h"

#include "base/io.h"
#include "glproxy/context.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static int make_folder(struct workbench *bench, struct err *err)
{
	const char *names[] = {"XDG_RUNTIME_DIR", "TMPDIR"};
	const char *below = "/tmp";
	for (size_t i = array_len(names); i--;)
		if (getenv(names[i]) && *getenv(names[i]) == '/')
			below = getenv(names[i]);
	snprintf(bench->directory, sizeof(bench->directory), "%s/glckpt-gl-XXXXXX", below);
	if (!mkdtemp(bench->directory)) {
		bench->directory[0] = '\0';
		return err_errno(err, "%s", below);
	}
	snprintf(bench->files, sizeof(bench->files), "%.4000s/proxy", bench->directory);
	return mkdir(bench->files, 0700) ? err_errno(err, "%s", bench->files) : 0;
}

int workbench_open(struct workbench *bench, const struct snapshot_place *place, struct err *err)
{
	struct proxy *proxy = &bench->proxy;
	*bench = (struct workbench){.directory = ""};
	const int client = snapshot_check(place, err);
	if (client < 0 || make_folder(bench, err) ||
		proxy_init(proxy, bench->files, client, false, err))
		return -1;
	proxy->let_go = proxy->replaying = proxy->alone = true;
	if (snapshot_adopt(proxy, place, err) || snapshot_build(proxy, place, err))
		return -1;
	return 0;
}

void workbench_close(struct workbench *bench)
{
	if (bench->proxy.directory)
		proxy_finish(&bench->proxy);
	if (bench->directory[0])
		io_remove_tree(AT_FDCWD, bench->directory, NULL);
	bench->directory[0] = '\0';
}

int workbench_take(struct workbench *bench, struct snapshot_place *again, struct err *err)
{
	*again = (struct snapshot_place){
		.directory = bench->directory, .name = "again.glsnap", .hashes = true};
	return snapshot_take(&bench->proxy, again, err);
}
