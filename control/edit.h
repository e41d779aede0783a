/*
 * edit - documents made from documents.
 *
 * Pure functions on JSON trees: none changes its arguments (but edit_merge()),
 * each gives a new document. Whether the new one means anything is for
 * model_build() to say. They tolerate trees of any shape. Trees share parts, so
 * nobody may edit a tree in place.
 *
 * An object is named by its kind and name: {"tenant", "acme"}, {"network",
 * "acme/web"}, {"address-set", "group" and "acl" alike}, {"port", "acme/vm1"}, {"uplink",
 * "fabric"}, {"mirror", "ids"}.
 */
#ifndef CONTROL_EDIT_H
#define CONTROL_EDIT_H

#include <jansson.h>

#include "control/document.h"
#include "control/problem.h"

enum edit_kind {
	EDIT_TENANT,
	EDIT_NETWORK,
	EDIT_SET,
	EDIT_GROUP,
	EDIT_ACL,
	EDIT_PORT,
	EDIT_UPLINK,
	EDIT_MIRROR,
	EDIT__KINDS,
};

/* "tenant", "network", ...; and back: -ENOENT if @word is none. */
const char *edit_kind_word(enum edit_kind kind);
int edit_kind_parse(const char *word, enum edit_kind *ret) __attribute__((warn_unused_result));

/* The key that objects of the kind stand under: "networks"; and is that key a tenant's? */
const char *edit_kind_section(enum edit_kind kind);
bool edit_kind_is_owned(enum edit_kind kind);

/*
 * `apply` without --prune: complete @change, a document fresh from reading, with
 * all of @base that it does not name. What it names is added or replaced as a
 * whole; of a tenant that both have, `quota` and `users` of @base stay if
 * @change is silent about them. @change keeps its places, so problems of the
 * whole are shown where the user wrote. -ENOMEM, and @change is of no use.
 *
 * (`apply --prune` needs no function: the new document is the document.)
 */
int edit_merge(const json_t *base, struct document *change) __attribute__((warn_unused_result));

/*
 * One object. @fields is what the document has under the object's name: a mapping, or for
 * sets, groups and acls a list.
 *   add     -EEXIST if it is there; adding to a tenant that is not there: -ENOENT
 *   set     -ENOENT if it is not there. Fields of mappings are merged (RFC 7396: null takes a
 *           field away, mappings are merged within); lists and texts are replaced.
 *           A field takes away those that exclude it: a port given `tap` loses `vhost-user`
 *           and `mode`, one given `network` loses `trunk`, a role the other roles.
 *   delete  -ENOENT if it is not there; -ENOTEMPTY: a tenant that still owns objects
 * Each such error is also a problem; -EINVAL: @name is not a name of that kind; -ENOMEM.
 */
int edit_add(const json_t *base, enum edit_kind kind, const char *name, const json_t *fields,
	     struct problems *problems, json_t **ret) __attribute__((warn_unused_result));
int edit_set(const json_t *base, enum edit_kind kind, const char *name, const json_t *fields,
	     struct problems *problems, json_t **ret) __attribute__((warn_unused_result));
int edit_delete(const json_t *base, enum edit_kind kind, const char *name,
		struct problems *problems, json_t **ret) __attribute__((warn_unused_result));

/* What the document has under the object's name, borrowed; NULL if it is not there. */
json_t *edit_find(const json_t *base, enum edit_kind kind, const char *name);

/*
 * What turns @old into @new: an array of {op: "add"|"change"|"delete", kind,
 * name, fields}. `fields` only with "change": an object {field: {old, new}},
 * where null stands for a field that is not there. Ordered by kind, then name.
 * Both must be canonical (model_export()) for differences to mean something. NULL without memory.
 */
json_t *edit_diff(const json_t *old, const json_t *new) __attribute__((warn_unused_result));

#endif
